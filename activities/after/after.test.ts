import { execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
} from 'node:fs'
import { rmSync, statSync, writeFileSync } from 'node:fs'
import { homedir, platform, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { parse, stringify } from 'yaml'
import type { z } from 'zod'
import { readInventory } from '../../dsl/inventory-file.ts'
import type { Inventory } from '../../dsl/inventory.ts'
import { createBinaryFinder } from '../../lab/binaries.ts'
import { type Lab, startProcessLab } from '../../lab/process.ts'
import { eventually } from '../../test/etcd-processes.ts'
import { catalogue } from '../catalogue.ts'
import { createEnvironment, type Environment } from '../environment.ts'
import { executeAction } from '../execute.ts'
import { clusterNamed } from '../inventory/look-up.ts'
import { afterOutput } from './outcome.ts'
import { unrecorded } from '../record.ts'

/** The after-steps on the hosts of a process lab: files and programs of theirs, and a membership that changes. */

jest.setTimeout(60_000)

let lab: Lab
let environment: Environment
let root: string
const standIns = resolve(__dirname, '../../test/stand-ins')
const at = (...names: string[]): string => join(lab.host('h4').layout.root, 'etc', ...names)
const read = (...names: string[]): string => readFileSync(at(...names), 'utf8')
const write = (text: string, ...names: string[]): void => {
  mkdirSync(dirname(at(...names)), { recursive: true })
  writeFileSync(at(...names), text)
}
const portOf = (host: string): number => lab.host(host).clientPort
const url = (host: string): string => `http://127.0.0.1:${portOf(host)}`

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'quorate-after-'))
  lab = await startProcessLab({
    directory: join(root, 'lab'),
    programs: await createBinaryFinder().etcd('3.6'),
  })
  environment = createEnvironment({
    loadInventory: async () => inventory(),
    record: unrecorded,
    ssh: { reconnectMs: 3000 },
  })
  write(
    '#!/bin/sh\necho x >>"$0.count"\n[ ! -e "$0.fail" ] || { echo no such luck >&2; exit 3; }\n',
    'reload',
  )
  chmodSync(at('reload'), 0o755)
}, 120_000)

afterAll(async () => {
  await environment.close()
  await lab.stop()
  rmSync(root, { recursive: true, force: true })
}, 60_000)

function inventory(): Inventory {
  const text = readFileSync(lab.inventory, 'utf8')
  const told = readInventory({ file: lab.inventory, text, baseDirectory: lab.directory, home: homedir() })
  if (!told.ok) throw new Error(JSON.stringify(told.problems))
  return told.value
}

/** Gives the cluster's inventory its after-steps. */
function after(steps: object): void {
  const source = parse(readFileSync(lab.inventory, 'utf8')) as { clusters: { demo: { after?: object } } }
  source.clusters.demo.after = steps
  writeFileSync(lab.inventory, stringify(source))
}

let runs = 0

/** Performs an action as a worker would; each time as a run of its own unless one is given. */
async function act(
  action: string,
  run = `run${(runs += 1)}`,
  signal = new AbortController().signal,
): Promise<z.output<typeof afterOutput>> {
  const found = catalogue.get(action)
  if (!found) throw new Error(`no action ${action}`)
  const request = {
    run: { id: run, key: run, runbook: 'test', hash: '' },
    undo: false,
    quorum: 'kept' as const,
  }
  const attempt = { id: `${run}-${(runs += 1)}`, number: 1, signal }
  const step = { step: action, with: { cluster: 'demo' } }
  const beat = { heartbeat: () => undefined }
  return afterOutput.parse(
    await executeAction(found, { ...request, ...step }, environment, { ...attempt, ...beat }),
  )
}

const failure = (message: RegExp) => ({ message: expect.stringMatching(message) })

/** The membership says another host for etcd-3 while `use` runs; the two others are the quorum. */
async function withThirdAt<Value>(host: string, use: () => Promise<Value>): Promise<Value> {
  const cluster = environment.etcd.cluster(clusterNamed(inventory(), 'demo'))
  const { members } = await cluster.endpoint('h1').members(true)
  const id = members.find(({ name }) => name === 'etcd-3')?.id ?? ''
  const peer = (on: string) => `http://127.0.0.1:${lab.host(on).peerPort}`
  await cluster.endpoint('h1').updateMember(id, [peer(host)])
  try {
    return await use()
  } finally {
    await cluster.endpoint('h1').updateMember(id, [peer('h3')])
  }
}

test.each(['firewall.ports', 'hosts.file', 'haproxy.backends', 'kube.apiserver', 'prometheus.targets'])(
  '%s does nothing where the inventory names nothing',
  async (action) => {
    expect(await act(action)).toEqual({ changed: false, hosts: [] })
  },
)

describe('haproxy.backends', () => {
  const config = () => `backend etcd
  mode tcp
  server etcd-1 127.0.0.1:${portOf('h1')} check inter 1s
  server etcd-2 127.0.0.1:${portOf('h2')} check
  server etcd-3 127.0.0.1:${portOf('h3')} check # third
`
  const reloads = (): number =>
    existsSync(at('reload.count')) ? read('reload.count').split('\n').length - 1 : 0
  beforeAll(() => {
    write(config(), 'haproxy.cfg')
    chmodSync(at('haproxy.cfg'), 0o640)
    after({ haproxy: [{ host: 'h4', path: at('haproxy.cfg'), backend: 'etcd', reload: [at('reload')] }] })
  })

  test('where it is right, nothing is written and nothing reloaded', async () => {
    expect(await act('haproxy.backends')).toMatchObject({
      changed: false,
      hosts: [{ host: 'h4', changed: false }],
    })
    expect(reloads()).toBe(0)
  })

  test('a member that moved is pointed at where it is, once; run again it is pointed back', async () => {
    const moved = config().replace(String(portOf('h3')), String(portOf('h4')))
    await withThirdAt('h4', async () => {
      expect(await act('haproxy.backends', 'move')).toMatchObject({ changed: true })
      expect(read('haproxy.cfg')).toBe(moved)
      expect(read('haproxy.cfg.quorate-move')).toBe(config())
      expect(reloads()).toBe(1)
      expect(await act('haproxy.backends', 'move-2')).toMatchObject({ changed: false })
      expect(reloads()).toBe(1)
    })
    expect(await act('haproxy.backends', 'back')).toMatchObject({ changed: true })
    expect(read('haproxy.cfg')).toBe(config())
    expect(statSync(at('haproxy.cfg')).mode & 0o777).toBe(0o640)
  })

  test('a reload that fails puts the former file back, and a retry does it', async () => {
    const before = reloads()
    await withThirdAt('h4', async () => {
      write('', 'reload.fail')
      await expect(act('haproxy.backends', 'luck')).rejects.toMatchObject(failure(/no such luck.*put back/s))
      expect(read('haproxy.cfg')).toBe(config())
      rmSync(at('reload.fail'))
      expect(await act('haproxy.backends', 'luck')).toMatchObject({ changed: true })
      expect(read('haproxy.cfg')).not.toBe(config())
    })
    await act('haproxy.backends', 'luck-back')
    expect(reloads()).toBe(before + 4)
    const left = readdirSync(at()).filter((name) => /quorate-(new|unloaded|before)$/.test(name))
    expect(left).toEqual([])
  })

  test('a reload that a run did not come to is made good by the next', async () => {
    const before = reloads()
    write('', 'haproxy.cfg.quorate-unloaded')
    expect(await act('haproxy.backends')).toMatchObject({
      ...{ changed: false, hosts: [{ note: expect.stringMatching(/was loaded/) }] },
    })
    expect(reloads()).toBe(before + 1)
    expect(existsSync(at('haproxy.cfg.quorate-unloaded'))).toBe(false)
  })

  test.each([
    [
      'no such back end',
      () => write(config().replace('backend etcd', 'backend other'), 'haproxy.cfg'),
      /no back end/,
    ],
    ['no such file', () => rmSync(at('haproxy.cfg')), /There is no .*haproxy.cfg on h4/],
  ])('%s is said, and nothing changed', async (_what, spoil, message) => {
    spoil()
    await expect(act('haproxy.backends')).rejects.toMatchObject(failure(message))
    write(config(), 'haproxy.cfg')
  })
})

test('one host that cannot be told does not keep the others from it', async () => {
  const lines = (third: string) =>
    ['h1', 'h2', third].map((host, n) => `  server etcd-${n + 1} 127.0.0.1:${portOf(host)}\n`).join('')
  write(`backend etcd\n${lines('h3')}`, 'second.cfg')
  const at4 = (name: string) => ({ host: 'h4', path: at(name), backend: 'etcd', reload: [at('reload')] })
  after({ haproxy: [at4('missing.cfg'), at4('second.cfg')] })
  await withThirdAt('h4', async () => {
    await expect(act('haproxy.backends')).rejects.toMatchObject(
      failure(/There is no .*missing\.cfg on h4.*Told: .*second\.cfg on h4\.$/),
    )
    expect(read('second.cfg')).toBe(`backend etcd\n${lines('h4')}`)
  })
})

test('hosts.file keeps its block, and says which lines stand against it', async () => {
  write('127.0.0.1 localhost\n10.9.9.9 etcd-2\n', 'hosts')
  after({
    hostsFile: [
      { host: 'h4', path: at('hosts') },
      { host: 'h1', path: at('hosts-1') },
    ],
  })
  expect(await act('hosts.file', 'names')).toMatchObject({
    ...{ changed: true, hosts: [{ note: expect.stringMatching(/etcd-2 as 10.9.9.9/) }, { note: '' }] },
  })
  const block = ['begin', '', 'end'].map((edge, index) =>
    index === 1
      ? '127.0.0.1\tetcd-1\n127.0.0.1\tetcd-2\n127.0.0.1\tetcd-3\n'
      : `# quorate ${edge}: members of demo\n`,
  )
  expect(read('hosts')).toBe(`127.0.0.1 localhost\n10.9.9.9 etcd-2\n${block.join('')}`)
  expect(read('hosts-1')).toBe(block.join(''))
  expect(existsSync(at('hosts-1.quorate-names.none'))).toBe(true)
  expect(await act('hosts.file')).toMatchObject({ changed: false })
})

test('prometheus.targets makes its file, follows a move, and leaves other groups alone', async () => {
  write('- targets: [node:9100] # mine\n', 'etcd.yml')
  after({
    prometheus: [
      { host: 'h4', path: at('etcd.yml') },
      { host: 'h4', path: at('sd', 'etcd.json') },
    ],
  })
  expect(await act('prometheus.targets')).toMatchObject({ changed: true })
  const targets = (third: string) => ['h1', 'h2', third].map((host) => `127.0.0.1:${portOf(host)}`).toSorted()
  const groups = (text: string) => parse(text) as { targets: string[]; labels?: object }[]
  const sorted = (text: string) => groups(text).map((group) => group.targets.toSorted())
  expect(sorted(read('sd', 'etcd.json'))).toEqual([targets('h3')])
  await withThirdAt('h4', () => act('prometheus.targets'))
  expect(sorted(read('etcd.yml'))).toEqual([['node:9100'], targets('h4')])
  expect(read('etcd.yml').startsWith('- targets: [node:9100] # mine\n')).toBe(true)
  expect(readdirSync(at('sd')).filter((name) => !name.startsWith('.'))).toEqual(['etcd.json'])
})

// Processes are told by /proc.
const describeOnLinux = platform() === 'linux' ? describe : describe.skip
describeOnLinux('kube.apiserver', () => {
  const [manifestPort, unitPort] = [0, 1].map((n) => 20_000 + (process.pid % 20_000) + n)
  const manifest = (servers: string) => `apiVersion: v1
kind: Pod
spec:
  containers:
  - name: kube-apiserver
    command:
    - kube-apiserver
    # etcd
    - --etcd-servers=${servers}
    - --secure-port=${manifestPort}
`
  const unit = (servers: string) =>
    `[Service]\nExecStart=${standIns}/kube-apiserver --etcd-servers=${servers} \\\n  --secure-port=${unitPort}\n`
  const all = (third: string) => [url('h1'), url('h2'), url(third)].join(',')
  const restart = () => `#!/bin/sh
[ ! -e "$0.pid" ] || kill "$(cat "$0.pid")"
words=$(sed -n '/^ExecStart=/,$s/^ExecStart=//p; /^  --/p' "${at('apiserver.service')}" | tr -d '\\\\')
setsid $words >>"$0.log" 2>&1 </dev/null &
echo "$!" >"$0.pid"
`
  const environmentOfLab = () => ({ ...process.env, QUORATE_LAB: `${lab.id}/h4` })

  beforeAll(async () => {
    const third = all('h3')
    write(manifest(third), 'manifests', 'kube-apiserver.yaml')
    write(unit(third), 'apiserver.service')
    write(restart(), 'restart')
    chmodSync(at('restart'), 0o755)
    mkdirSync(at('programs'))
    copyFileSync(join(standIns, 'kube-apiserver'), at('programs', 'kube-apiserver'))
    after({
      kubeApiserver: [
        { host: 'h4', kind: 'manifest', path: at('manifests', 'kube-apiserver.yaml') },
        { host: 'h4', kind: 'unit', path: at('apiserver.service'), restart: [at('restart')] },
      ],
    })
    const words = [at('manifests'), at('programs'), at('kubelet.log')]
    const settings = { env: environmentOfLab(), stdio: 'ignore', detached: true } as const
    spawn(join(standIns, 'kubelet'), words, settings).unref()
    execFileSync(at('restart'), { env: environmentOfLab() })
    await eventually(async () => expect(served()).toEqual([third, third]), 20_000)
  }, 30_000)

  /** What the API servers that serve were started with, in the order of the inventory. */
  const served = (): string[] =>
    [at('kubelet.log'), at('restart.log')].map(
      (log) => /.*with (.*)\n$/s.exec(existsSync(log) ? readFileSync(log, 'utf8') : '')?.[1] ?? '',
    )
  const starts = (log: string): number => readFileSync(at(log), 'utf8').split('serving with').length - 1

  test('where file and process are right nothing is restarted', async () => {
    expect(await act('kube.apiserver')).toMatchObject({ changed: false, hosts: [{ note: '' }, { note: '' }] })
    expect([starts('kubelet.log'), starts('restart.log')]).toEqual([1, 1])
  })

  test('both follow a move and serve again, each restarted once; no copy is started beside', async () => {
    await withThirdAt('h4', async () => {
      expect(await act('kube.apiserver', 'kube')).toMatchObject({
        ...{ changed: true, hosts: [{ note: '' }, { note: '' }] },
      })
      expect(served()).toEqual([all('h4'), all('h4')])
      expect(read('manifests', 'kube-apiserver.yaml')).toBe(manifest(all('h4')))
      expect(read('apiserver.service')).toBe(unit(all('h4')))
      expect([starts('kubelet.log'), starts('restart.log')]).toEqual([2, 2])
      expect(readFileSync(at('kubelet.log'), 'utf8')).not.toMatch(/Error/)
      expect(read('manifests', '.kube-apiserver.yaml.quorate-kube')).toBe(manifest(all('h3')))
      await act('kube.apiserver', 'kube')
      expect(starts('restart.log')).toBe(2)
    })
  })

  test('one whose file is right and that still runs with the former servers is restarted', async () => {
    write(unit(all('h3')), 'apiserver.service')
    await act('kube.apiserver', 'stale')
    expect(served()).toEqual([all('h3'), all('h3')])
  })

  test('one that did not come back is waited for again by a retry', async () => {
    write(
      '[Service]\nExecStart=/nowhere --etcd-servers=http://127.0.0.1:1 --secure-port=1\n',
      'other.service',
    )
    write('', 'other.service.quorate-unloaded')
    write('#!/bin/sh\necho tried >>"$0.log"\n', 'restart-other')
    chmodSync(at('restart-other'), 0o755)
    const other = { host: 'h4', kind: 'unit', path: at('other.service'), restart: [at('restart-other')] }
    after({ kubeApiserver: [other] })
    const waiting = new AbortController()
    const tried = act('kube.apiserver', 'other', waiting.signal)
    await eventually(async () => expect(read('restart-other.log')).toBe('tried\n'), 20_000)
    waiting.abort(new Error('enough'))
    await expect(tried).rejects.toThrow('enough')
    expect(existsSync(at('other.service.quorate-unloaded'))).toBe(true)
  })
})
