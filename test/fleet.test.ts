import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { parse, stringify } from 'yaml'
import { createBinaryFinder } from '../lab/binaries.ts'
import { type Lab, startProcessLab } from '../lab/process.ts'
import { startTemporal } from '../lab/temporal.ts'
import { workerProcess } from './world.ts'

/** One runbook over several real clusters, by the command line: three of one member each. */

const names = ['east', 'north', 'south']
const labs = new Map<string, Lab>()
const closers: (() => Promise<unknown>)[] = []
let environment: Readonly<Record<string, string>>

beforeAll(async () => {
  const directory = mkdtempSync(join(tmpdir(), 'quorate-fleet-'))
  closers.push(() => Promise.resolve(rmSync(directory, { recursive: true, force: true })))
  const finder = createBinaryFinder()
  const programs = await finder.etcd('3.6')
  for (const cluster of names) {
    const lab = await startProcessLab({
      ...{ directory: join(directory, cluster), programs, cluster, members: 1, spares: 0 },
    })
    closers.push(() => lab.stop())
    labs.set(cluster, lab)
  }
  const inventory = join(directory, 'inventory.yaml')
  writeFileSync(inventory, stringify(together([...labs.values()].map(readInventory))))
  const temporal = await startTemporal({
    binary: (await finder.temporal()).path,
    logFile: join(directory, 'temporal.log'),
    databaseFile: join(directory, 'temporal.db'),
  })
  closers.push(() => temporal.stop())
  environment = {
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    QUORATE_INVENTORY: inventory,
    QUORATE_STATE: join(directory, 'state'),
    QUORATE_HOME: join(directory, 'home'),
    QUORATE_BY: 'ada',
  }
  const worker = workerProcess(environment, directory)
  await worker.start()
  closers.push(() => worker.stop())
}, 120_000)

afterAll(async () => {
  for (const close of closers.toReversed()) await close()
}, 60_000)

interface Source {
  readonly defaults: { readonly ssh: Readonly<Record<string, unknown>> }
  readonly hosts: Readonly<Record<string, { readonly ssh: object }>>
  readonly clusters: Readonly<Record<string, { readonly members: Readonly<Record<string, string>> }>>
}

const readInventory = ({ inventory }: Lab): Source => parse(readFileSync(inventory, 'utf8')) as Source

/** Every lab calls its host h1 and has SSH keys of its own. */
function together(sources: readonly Source[]): object {
  const parts = sources.map(({ defaults, hosts, clusters }) => {
    const [name = ''] = Object.keys(clusters)
    const [host = { ssh: {} }] = Object.values(hosts)
    return {
      host: [`${name}-1`, { ...host, ssh: { ...defaults.ssh, ...host.ssh } }] as const,
      cluster: [
        name,
        { labels: { env: name === 'north' ? 'prod' : 'test' }, members: { 'etcd-1': `${name}-1` } },
      ] as const,
    }
  })
  return {
    inventory: 1,
    hosts: Object.fromEntries(parts.map(({ host }) => host)),
    clusters: Object.fromEntries(parts.map(({ cluster }) => cluster)),
  }
}

interface Said {
  readonly code: number
  readonly out: string
  readonly said: string
}

function quorate(...words: readonly string[]): Promise<Said> {
  const argv = [resolve(__dirname, '..', 'cli', 'bootstrap.mjs'), ...words]
  return new Promise((done) => {
    const child = execFile(
      process.execPath,
      argv,
      { env: { ...process.env, ...environment }, timeout: 90_000 },
      (_error, out, said) => done({ code: child.exitCode ?? -1, out, said }),
    )
  })
}

interface FleetJson {
  readonly phase: string
  readonly result: { readonly outputs: { readonly clusters: readonly { cluster: string; run: string }[] } }
}

test('backs up the clusters with a label, the canary first; each has a run of its own', async () => {
  const { code, out } = await quorate(
    ...['fleet', 'etcd-backup', '--clusters', 'env=test', '--canary', 'south', '--soak', '1s', '--json'],
  )
  expect(code).toBe(0)
  // Before it one line for each change.
  const { phase, result } = JSON.parse(out.trim().split('\n').at(-1) ?? '') as FleetJson
  expect(phase).toBe('done')
  expect(result.outputs.clusters.map(({ cluster }) => cluster)).toEqual(['south', 'east'])
  for (const { cluster, run } of result.outputs.clusters) {
    const shown = JSON.parse((await quorate('show', run, '--json')).out) as { by: string; result: object }
    expect(shown).toMatchObject({
      by: 'ada',
      cluster,
      result: { outputs: { path: expect.stringContaining(`${cluster}-r`) } },
    })
  }
}, 120_000)

test('stops at the first that does not end well, and says how to go on', async () => {
  await labs.get('north')?.kill('h1')
  const { code, out } = await quorate('fleet', 'etcd-backup', '--clusters', '*')
  expect(code).toBe(1)
  expect(out).toMatch(/✔ east /)
  expect(out).toMatch(/✖ north /)
  expect(out).toMatch(
    /Ended well: east\.\s+Not begun: south\. For these: quorate fleet etcd-backup --clusters south/,
  )
  const runs = JSON.parse((await quorate('runs', '--json')).out) as readonly { id: string }[]
  expect(runs.filter(({ id }) => id.endsWith('-south'))).toHaveLength(1)
}, 120_000)

test.each<[string, readonly string[], RegExp]>([
  ['no selection', ['etcd-backup'], /Say which clusters/],
  ['a name that is nearly one', ['etcd-backup', '--clusters', 'est'], /Did you mean "east"\?/],
  [
    'a canary of another fleet',
    ['etcd-backup', '--clusters', 'env=test', '--canary', 'north'],
    /"north" is none of/,
  ],
  ['a disaster', ['etcd-recover', '--clusters', '*'], /run it on that one alone/],
  ['an input that is none', ['etcd-backup', '--clusters', '*', '--input', 'kep=3'], /kep/],
  ['an unknown runbook', ['etcd-bakup', '--clusters', '*'], /etcd-backup/],
])(
  'with %s nothing is begun',
  async (_what, words, says) => {
    const before = JSON.parse((await quorate('runs', '--json')).out) as readonly { runbook: string }[]
    const { code, out, said } = await quorate('fleet', ...words)
    expect(`${out}${said}`).toMatch(says)
    expect(code).toBe(2)
    const after = JSON.parse((await quorate('runs', '--json')).out) as readonly { runbook: string }[]
    const runs = (all: typeof before) => all.filter(({ runbook }) => runbook !== 'quorateFleet').length
    expect(runs(after)).toBe(runs(before))
  },
  60_000,
)
