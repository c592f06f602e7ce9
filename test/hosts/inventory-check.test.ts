import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { createEnvironment } from '../../activities/environment.ts'
import { checkInventory } from '../../activities/inventory/check.ts'
import type { Cluster } from '../../dsl/inventory.ts'
import type { HostsLab } from '../../lab/hosts/handle.ts'
import { startHostsLab } from '../../lab/hosts/lab.ts'
import { createAuthority } from '../../lab/hosts/pki.ts'
import { loadInventory } from '../../worker/inventory.ts'
import { describeOnHosts } from './world.ts'
import { unrecorded } from '../../activities/record.ts'

jest.setTimeout(120_000)

describeOnHosts('quorate inventory check on real hosts', () => {
  let lab: HostsLab
  let root: string
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'quorate-check-'))
    lab = await startHostsLab({ directory: join(root, 'lab'), members: 1, spares: 1 })
  }, 300_000)
  afterAll(async () => {
    await lab?.stop()
    rmSync(root, { recursive: true, force: true })
  }, 60_000)

  async function differences(
    change: (demo: Cluster) => Cluster = (demo) => demo,
  ): Promise<readonly string[]> {
    const inventory = await loadInventory(lab.inventory)
    const demo = inventory.clusters['demo']
    if (!demo) throw new Error('no cluster')
    const changed = { ...inventory, clusters: { demo: change(demo) } }
    const environment = createEnvironment({
      loadInventory: async () => changed,
      record: unrecorded,
    })
    try {
      const found = await checkInventory(environment, 'demo')
      return found.map(({ where, expected, seen }) => `${where}: ${expected}; ${seen}`)
    } finally {
      await environment.close()
    }
  }

  const shell = async (host: string, script: string): Promise<void> => {
    const { code, stderr } = await lab.run(host, ['sh', '-c', script])
    if (code !== 0) throw new Error(stderr)
  }

  test('hosts that are as the inventory says have no differences', async () => {
    expect(await differences()).toEqual([])
  })

  test('TLS files of this machine that cannot be used are told before anybody is asked', async () => {
    const wrong = await differences((demo) => ({ ...demo, tls: { ca: join(root, 'nothing.crt') } }))
    expect(wrong).toEqual([
      expect.stringMatching(/^demo: TLS files on this machine .*nothing\.crt \(clusters\.demo\.tls\.ca/),
    ])
  })

  test('a certificate that the members want to see and the inventory does not give is told', async () => {
    const tls = { ca: join(lab.directory, 'pki', 'ca.crt') }
    expect((await differences((demo) => ({ ...demo, tls }))).join()).toContain('certificate required')
  })

  test('a fence, an unknown unit, a wrong directory of versions and certificates that end are all told', async () => {
    await shell(
      'h1',
      'systemctl mask --runtime etcd.service; mv /opt/etcd/current /opt/etcd.here; cp -rL /opt/etcd.here /opt/current; ln -s /opt/current /opt/etcd/current',
    )
    const pki = join(lab.directory, 'pki')
    const other = await createAuthority(join(root, 'other'), 'somebody else')
    await other.issue(join(root, 'soon'), { commonName: 'h1', names: ['10.0.0.9'] }, 3)
    await lab.writeFile('h1', '/etc/etcd/pki/server.crt', readFileSync(join(root, 'soon.crt'), 'utf8'))
    const wrong = await differences((demo) => {
      const spare = demo.etcd['h2']
      if (!spare) throw new Error('no spare')
      const service = { manager: 'systemd', unit: 'etcd-of-old.service' } as const
      return { ...demo, etcd: { ...demo.etcd, h2: { ...spare, service } } }
    })
    const { address } = lab.host('h1')
    const server = '/etc/etcd/pki/server.crt'
    expect(wrong).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^h1: etcd-1 brought up by a reboot; etcd is fenced there/),
        expect.stringMatching(
          /^h1: \/opt\/etcd\/current a link to a directory in \/opt\/etcd; it is \/opt\/current/,
        ),
        expect.stringContaining(`${server} on h1 does not name ${address}`),
        expect.stringContaining(`${server} on h1 was not signed by ${pki}/ca.crt`),
        expect.stringContaining(`/etc/etcd/pki/server.key on h1 is not the key of ${server}`),
        expect.stringMatching(new RegExp(`^h1: certificates good for two weeks more; ${server} ends on`)),
        expect.stringMatching(
          /^h2: a service manager that knows etcd; .*systemd has no unit etcd-of-old\.service/,
        ),
      ]),
    )
  })
})
