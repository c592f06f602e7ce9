import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { disguises } from '../activities/redact/encodings.ts'
import { openSqliteStore } from '../audit/sqlite.ts'
import { createBinaryFinder } from '../lab/binaries.ts'
import { recordOf } from './recorded-events.ts'
import { startRun, startWorld, until, type World } from './world.ts'

/** Secrets that are sent wherever one can be, and then looked for wherever one may not be. */

const canary = (): string => `Cn4ry-${randomBytes(12).toString('hex')}`
const password = canary()
const wrong = canary()
const hook = canary()
const printed = canary()
/** Typed where a reference belongs: Temporal has it before any worker, and nothing else may. */
const typed = canary()

const leaky = `runbook: 1
name: leaky
title: Stop and start a member whose scripts say too much
inputs:
  cluster: { type: cluster }
  host: { type: host }
  login: { type: secret }
  note: { type: string, default: nothing }
cluster: \${{ inputs.cluster }}
steps:
  - uses: service.stop
    with: { cluster: '\${{ inputs.cluster }}', host: '\${{ inputs.host }}' }
  - notify: { message: 'with \${{ inputs.login }}' }
  - uses: service.start
    with: { cluster: '\${{ inputs.cluster }}', host: '\${{ inputs.host }}' }
`

const directory = mkdtempSync(join(tmpdir(), 'quorate-canary-'))
let world: World
let told = ''
beforeAll(async () => {
  writeFileSync(join(directory, 'leaky.yaml'), leaky)
  world = await startWorld({
    spares: 0,
    settings: {
      QUORATE_RUNBOOKS: directory,
      QUORATE_CANARY: password,
      QUORATE_WRONG: wrong,
      QUORATE_TYPED_TOKEN: typed,
      QUORATE_NOTIFY: `oncall=http://ops:${hook}@127.0.0.1:9/hooks/${hook}`,
    },
  })
}, 120_000)
afterAll(async () => {
  await world?.close()
  rmSync(directory, { recursive: true, force: true })
}, 60_000)

async function etcdctl(...words: readonly string[]): Promise<void> {
  const { etcdctl: program } = await createBinaryFinder().etcd('3.6')
  await new Promise<void>((done, fail) => {
    execFile(program, ['--endpoints', world.endpoints.join(), ...words], (error) =>
      error ? fail(error) : done(),
    )
  })
}

const asks = (reference: string): void => {
  const text = readFileSync(world.lab.inventory, 'utf8').replace(/^ +auth:.*\n/m, '')
  const auth = `auth: { user: root, password: 'env:${reference}' }`
  writeFileSync(world.lab.inventory, text.replace(/^( +)members:/m, `$1${auth}\n$1members:`))
}

/** The host's own scripts print what they should not: more than an event holds, then a password that Quorate has too. */
function loosen(host: string): { readonly failing: string } {
  const { layout } = world.lab.hosts.find(({ name }) => name === host) ?? none()
  const [stop, start] = ['etcd-stop', 'etcd-start'].map((name) => join(layout.bin, name))
  const said = join(directory, 'said')
  const failing = join(directory, 'failing')
  writeFileSync(
    said,
    `${'a line\n'.repeat(2000)}ROOT_PASSWORD=${printed}\nlogin ${password}\n${'x'.repeat(3000)}\n`,
  )
  const more = (text: string, line: string): string => text.replace('\n', `\n${line}\n`)
  writeFileSync(stop ?? '', more(readFileSync(stop ?? '', 'utf8'), `cat '${said}'; cat '${said}' >&2`))
  const fails = `[ ! -e '${failing}' ] || { echo "root:${password} was not let in" >&2; exit 3; }`
  writeFileSync(start ?? '', more(readFileSync(start ?? '', 'utf8'), fails))
  return { failing }
}

async function cli(...words: readonly string[]): Promise<void> {
  const argv = [resolve(__dirname, '../cli/bootstrap.mjs'), ...words]
  await new Promise<void>((done) => {
    execFile(
      process.execPath,
      argv,
      { env: { ...process.env, ...world.environment }, cwd: directory },
      (_error, out, said) => {
        told += out + said
        done()
      },
    )
  })
}

/** What every process on this machine was started with, hosts' as well, from now on. */
function watchProcesses() {
  const seen = new Set<string>()
  const look = (): void => {
    for (const pid of readdirSync('/proc')) {
      if (!/^\d+$/.test(pid)) continue
      try {
        seen.add(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
      } catch {
        // It has ended.
      }
    }
  }
  const timer = setInterval(look, 20)
  return {
    seen: () => [...seen].join('\n'),
    stop: () => clearInterval(timer),
  }
}

/** All texts and blobs, as they lie in the store. */
async function recorded(): Promise<string> {
  const store = openSqliteStore(recordOf(world).place, { readOnly: true })
  const parts: string[] = []
  try {
    for await (const run of store.keys())
      for await (const row of store.eventRows(run)) parts.push(JSON.stringify(row), String(row['text']))
    for await (const { content, gzip } of store.blobRows()) {
      const bytes = content instanceof Uint8Array ? Buffer.from(content) : Buffer.alloc(0)
      parts.push(plain(Number(gzip) === 1 ? gunzipSync(bytes) : bytes))
    }
    return parts.join('\n')
  } finally {
    await store.close()
  }
}

const plain = (bytes: Buffer): string =>
  (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString('latin1')

async function places(processes: string): Promise<Readonly<Record<string, string>>> {
  const of = (name: string): string => {
    const file = join(world.directory, name)
    return existsSync(file) ? readFileSync(file, 'latin1') : ''
  }
  return {
    record: await recorded(),
    temporal: `${of('temporal.db')}${of('temporal.db-wal')}${of('temporal.log')}`,
    worker: of('worker.log'),
    commands: told,
    processes,
  }
}

/** Where which of them are found, however they are written. */
function leaks(
  where: Readonly<Record<string, string>>,
  secrets: Readonly<Record<string, string>>,
): readonly string[] {
  return Object.entries(secrets).flatMap(([name, value]) =>
    Object.entries(where).flatMap(([place, text]) =>
      disguises(value).some((one) => text.includes(one) || text.includes(Buffer.from(one).toString('latin1')))
        ? [`${name} in ${place}`]
        : [],
    ),
  )
}

const onLinux = process.platform === 'linux' ? test : test.skip

onLinux(
  'no secret is found where none may be, and one that is planted there is',
  async () => {
    for (const words of [
      ['user', 'add', `root:${password}`],
      ['user', 'grant-role', 'root', 'root'],
      ['auth', 'enable'],
    ])
      await etcdctl(...words)
    asks('QUORATE_CANARY')
    const { failing } = loosen('h1')
    writeFileSync(failing, '')
    const processes = watchProcesses()
    try {
      const by = { by: 'ada' }
      const run = await startRun(
        world.door,
        'leaky',
        { cluster: 'demo', host: 'h1', login: 'env:QUORATE_CANARY' },
        by,
      )
      await until('the start to fail', async () => (await run.status()).view.waiting !== undefined)
      expect((await run.status()).view.waiting?.failure.message).toContain('‹redacted')
      rmSync(failing)
      await run.handle.executeUpdate('retry', { args: [{ by: 'ada' }] })
      await run.result()
      const backup = await startRun(world.door, 'etcd-backup', { cluster: 'demo' }, by)
      await backup.result()
      const refused = await startRun(
        ...([
          world.door,
          'leaky',
          { cluster: 'demo', host: 'h1', login: 'env:QUORATE_CANARY', note: `it is ${typed}` },
          by,
        ] as const),
      )
      await expect(refused.handle.result()).rejects.toMatchObject({
        cause: {
          message: expect.stringMatching(
            /^An input holds a secret \(QUORATE_TYPED_TOKEN\).*change that secret/,
          ),
        },
      })
      asks('QUORATE_WRONG')
      const look = await startRun(world.door, 'etcd-inspect', { cluster: 'demo' }, by)
      await look.handle.result().catch(() => undefined)
      await cli('show', run.id, '--json')
      await cli('audit', 'show', run.id, '--all')
      await cli('audit', 'report', run.id, '--format', 'html')
      told += readFileSync(join(directory, `${run.id}.html`), 'utf8')
      await cli('show', look.id)
      expect(told).toMatch(/the guard let it pass/)
      const secrets = { password, wrong, hook, printed }
      const found = await places(processes.seen())
      expect(Object.entries(found).filter(([, text]) => text.length < 100)).toEqual([])
      const written = Buffer.from('ROOT_PASSWORD=‹redacted password›\nlogin ‹redacted').toString('latin1')
      expect(found['record']?.includes(written)).toBe(true)
      expect(leaks(found, secrets)).toEqual([])
      expect(leaks(found, { typed })).toEqual(['typed in temporal'])

      const planted = await plant(password)
      await until('the planted process to be seen', () => processes.seen().includes(password))
      planted.kill()
      expect(leaks(await places(processes.seen()), { password })).toEqual(
        ['record', 'temporal', 'worker', 'commands', 'processes'].map((place) => `password in ${place}`),
      )
    } finally {
      processes.stop()
    }
  },
  170_000,
)

/** A leak in each place, as a mistake would make it. */
async function plant(secret: string) {
  const store = openSqliteStore(recordOf(world).place)
  await store.putBlob(Buffer.from(`A blob with ${Buffer.from(secret).toString('base64')}`))
  await store.close()
  await world.door.client.workflow.start('leaky', {
    workflowId: 'planted',
    taskQueue: 'nobody',
    args: [{ secret }],
  })
  appendFileSync(join(world.directory, 'worker.log'), `${secret}\n`)
  told += encodeURIComponent(secret)
  return spawn('sh', ['-c', 'sleep 30; :', secret])
}

function none(): never {
  throw new Error('There is none.')
}
