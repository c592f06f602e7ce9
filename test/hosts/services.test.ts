import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { catalogue } from '../../activities/catalogue.ts'
import { createEnvironment, type Environment } from '../../activities/environment.ts'
import { type Inspection, inspection } from '../../activities/etcd/inspection.ts'
import { executeAction } from '../../activities/execute.ts'
import { clusterNamed } from '../../activities/inventory/look-up.ts'
import type { Cluster, Service } from '../../dsl/inventory.ts'
import type { Json } from '../../dsl/program.ts'
import type { HostsLab } from '../../lab/hosts/handle.ts'
import { startHostsLab } from '../../lab/hosts/lab.ts'
import { loadInventory } from '../../worker/inventory.ts'
import { eventually } from '../etcd-processes.ts'
import { describeOnHosts } from './world.ts'
import { unrecorded } from '../../activities/record.ts'

jest.setTimeout(120_000)

const cluster = 'demo'
const member = 'etcd-1'

/** The same for every service manager; the member travels from host to host, so that each starts its real data. */
describeOnHosts('services on real hosts', () => {
  let lab: HostsLab
  let environment: Environment
  let root: string
  let at = 'h1'
  let steps = 0
  /** What the inventory is made to say otherwise. */
  let layouts = (_etcd: Cluster['etcd']): Cluster['etcd'] => ({})

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'quorate-services-'))
    lab = await startHostsLab({
      directory: join(root, 'lab'),
      spares: 1,
      extras: ['docker', 'supervise', 'script'],
      // A mask could not be laid over a unit there.
      unitDirectory: '/etc/systemd/system',
    })
    environment = createEnvironment({
      loadInventory: async () => {
        const inventory = await loadInventory(lab.inventory)
        const demo = clusterNamed(inventory, cluster)
        return {
          ...inventory,
          clusters: { [cluster]: { ...demo, etcd: { ...demo.etcd, ...layouts(demo.etcd) } } },
        }
      },
      record: unrecorded,
      ssh: { reconnectMs: 3000 },
    })
  }, 300_000)

  afterAll(async () => {
    await environment?.close()
    await lab?.stop()
    rmSync(root, { recursive: true, force: true })
  }, 60_000)

  function act(action: string, input: Readonly<Record<string, Json>> = {}, run = 'run'): Promise<Json> {
    const found = catalogue.get(action)
    if (!found) throw new Error(`no action ${action}`)
    const step = `step-${(steps += 1)}`
    return executeAction(
      found,
      {
        ...{ step, with: { cluster, ...input }, undo: false, quorum: 'kept' },
        run: { id: run, key: run, runbook: 'test', hash: '', cluster },
      },
      environment,
      { id: step, number: 1, signal: new AbortController().signal, heartbeat: () => undefined },
    )
  }

  const healthy = (): Promise<Inspection> =>
    eventually(async () => {
      const seen = inspection.parse(await act('etcd.inspect', { at: { [member]: at }, hash: false }))
      expect(seen.members.map(({ healthy: well, why }) => well || why)).toEqual([true, true, true])
      return seen
    }, 60_000)

  const status = (host: string) => act('service.status', { host })

  /** As etcd-migrate-node does it. */
  async function move(to: string): Promise<void> {
    const from = at
    const run = `to-${to}`
    await act('service.stop', { host: from }, run)
    await act('service.disable', { host: from }, run)
    await act('dir.copy', { from, to, exact: true }, run)
    await act('dir.setAside', { host: from }, run)
    await act('dir.activate', { host: to }, run)
    await act('etcd.member.update', { member, host: to }, run)
    await act('etcd.config.write', { member, from, host: to }, run)
    await act('service.enable', { host: to }, run)
    await act('service.start', { host: to }, run)
    at = to
    await healthy()
  }

  const refused = (message: RegExp) => ({
    details: [{ kind: 'failed' }],
    message: expect.stringMatching(message),
  })

  const shell = (host: string, script: string) => lab.run(host, ['sh', '-c', script])

  describe.each<[string, string, Kind]>([
    [
      'systemd',
      'h4',
      {
        start: 'systemctl start etcd.service',
        crashing: 'mv /opt/etcd/current /opt/etcd/away',
        mended: 'mv /opt/etcd/away /opt/etcd/current',
        bootsBy: 'itself',
        fence: 'up',
      },
    ],
    [
      'docker',
      'dk',
      {
        start: 'docker start etcd',
        crashing: 'chmod a-r /etc/etcd/etcd.yaml',
        mended: 'chmod a+r /etc/etcd/etcd.yaml',
        bootsBy: 'itself',
        fence: 'up',
      },
    ],
    [
      'supervise',
      'sv',
      {
        // supervise takes the order, and tries in vain.
        start: 'svc -u /etc/service/etcd; sleep 3; pidof etcd',
        crashing: 'mv /opt/etcd/current /opt/etcd/away',
        mended: 'mv /opt/etcd/away /opt/etcd/current',
        bootsBy: 'itself',
        fence: 'up',
      },
    ],
    [
      'script',
      'sc',
      {
        start: '/usr/local/sbin/etcd-start',
        crashing: 'mv /opt/etcd/current /opt/etcd/away',
        mended: 'mv /opt/etcd/away /opt/etcd/current',
        bootsBy: 'nobody',
        fence: 'unknown',
      },
    ],
  ])('%s', (_manager, host, kind) => {
    test('a member moves here and runs', async () => {
      await move(host)
      expect(await status(host)).toMatchObject({
        ...{ state: 'running', stopped: false, clientPort: 'open', peerPort: 'open', dataDir: 'open' },
        fence: kind.fence === 'up' ? 'down' : 'unknown',
      })
    })

    test('it is stopped for good, and started again; both may be asked for twice', async () => {
      await act('service.stop', { host })
      expect(await status(host)).toMatchObject({ state: 'stopped', stopped: true, dataDir: 'closed' })
      await act('service.stop', { host })
      await act('service.start', { host })
      expect(await status(host)).toMatchObject({ state: 'running' })
      await healthy()
    })

    test('a fence refuses a start by hand and by Quorate, and a reboot respects it', async () => {
      await act('service.stop', { host })
      await act('service.disable', { host })
      await act('service.disable', { host })
      expect(await status(host)).toMatchObject({ state: 'stopped', fence: kind.fence })
      expect((await shell(host, kind.start)).code).not.toBe(0)
      await expect(act('service.start', { host })).rejects.toMatchObject(
        refused(/fenced on this host|disabled on this host/),
      )
      await lab.kill(host)
      await lab.boot(host)
      await eventually(async () => expect(await status(host)).toMatchObject({ fence: kind.fence }))
      expect(await status(host)).toMatchObject({ state: 'stopped', stopped: true })
      expect((await shell(host, kind.start)).code).not.toBe(0)
      await act('service.enable', { host })
      await act('service.enable', { host })
      await act('service.start', { host })
      await healthy()
    })

    test('after a reboot a member that may run is brought up', async () => {
      await lab.kill(host)
      await lab.boot(host)
      if (kind.bootsBy === 'nobody') await act('service.start', { host })
      await healthy()
      expect(await status(host)).toMatchObject({ state: 'running', stopped: false })
    })

    test('one that dies again and again is not called running, and why is said', async () => {
      await act('service.stop', { host })
      await shell(host, kind.crashing)
      const failed = act('service.start', { host })
      await expect(failed).rejects.toMatchObject({ details: [{ kind: 'failed' }] })
      await expect(failed).rejects.toThrow(
        /etcd was started and (died|does not run|did not run)|No such file/,
      )
      expect(await status(host)).not.toMatchObject({ state: 'running' })
      await shell(host, kind.mended)
      await act('service.stop', { host })
      await act('service.start', { host })
      await healthy()
    })

    test("etcd's own words and what they mean are in the failure", async () => {
      await act('service.stop', { host })
      await shell(
        host,
        'mv /etc/etcd/pki/peer.key /etc/etcd/pki/away.key; cp /etc/etcd/pki/server.key /etc/etcd/pki/peer.key; chown etcd:etcd /etc/etcd/pki/peer.key',
      )
      const failed = act('service.start', { host })
      if (kind.fence === 'up' && host === 'sv') await expect(failed).rejects.toThrow(/died/)
      else await expect(failed).rejects.toThrow(/private key does not match public key.*own key/s)
      await shell(host, 'mv /etc/etcd/pki/away.key /etc/etcd/pki/peer.key')
      await act('service.stop', { host })
      await act('service.start', { host })
      await healthy()
    })
  })

  test('the flags of a unit are the configuration, where the inventory says so', async () => {
    const path = '/etc/systemd/system/etcd-by-flags.service'
    const head = '[Unit]\nDescription=etcd by flags\n\n[Service]\nType=notify\nUser=etcd\n'
    const start = 'ExecStart=/opt/etcd/current/etcd \\\n  --log-level=warn\nRestart=on-failure\n'
    await lab.writeFile('h1', path, `${head}${start}\n[Install]\nWantedBy=multi-user.target\n`)
    layouts = ({ h1 }) => {
      if (!h1) throw new Error('no h1')
      const service = { manager: 'systemd', unit: 'etcd-by-flags.service' } as const
      return { h1: { ...h1, service, config: { format: 'unit', path } } }
    }
    const from = at
    await move('h1')
    const unit = await lab.readFile('h1', path)
    expect(unit).toContain(`${head}ExecStart=/opt/etcd/current/etcd \\\n  --log-level=warn \\\n`)
    expect(unit).toContain(` \\\n  --peer-key-file=/etc/etcd/pki/peer.key`)
    expect(unit).toContain(` \\\n  --name=${member}`)
    await act('etcd.config.set', {
      host: 'h1',
      settings: { 'quota-backend-bytes': '4294967296', 'log-level': '' },
    })
    await act('service.stop', { host: 'h1' })
    await act('service.start', { host: 'h1' })
    await healthy()
    const { stdout } = await shell('h1', "tr '\\0' ' ' </proc/$(pidof etcd)/cmdline")
    expect(stdout).toContain('--quota-backend-bytes=4294967296')
    expect(stdout).not.toContain('--log-level')
    expect(await act('etcd.config.restore', { host: 'h1' })).toMatchObject({ path })
    expect(from).not.toBe('h1')
  })

  test('a service that is not there is told from one that is stopped', async () => {
    layouts = (etcd) =>
      Object.fromEntries(
        Object.entries(etcd).map(([host, layout]) => [
          host,
          { ...layout, service: wrongService(layout.service) },
        ]),
      )
    for (const [host, message] of Object.entries({
      h4: /systemd has no unit wrong\.service/,
      dk: /wrong/,
      sv: /unable to chdir|file does not exist/,
    }))
      await expect(status(host)).rejects.toMatchObject(refused(message))
  })
})

function wrongService(service: Service): Service {
  switch (service.manager) {
    case 'systemd':
      return { ...service, unit: 'wrong.service' }
    case 'docker':
      return { ...service, container: 'wrong' }
    case 'supervise':
      return { ...service, directory: '/etc/service/wrong' }
    case 'script':
      return service
  }
}

interface Kind {
  /** As a person would start it; fails, or does not bring it up, where it is fenced. */
  readonly start: string
  readonly crashing: string
  readonly mended: string
  readonly bootsBy: 'itself' | 'nobody'
  readonly fence: 'up' | 'unknown'
}
