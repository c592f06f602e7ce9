import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createBinaryFinder, type EtcdMinor } from '../lab/binaries.ts'
import { createEtcdClient } from '../lab/etcd-client.ts'
import { eventually } from './etcd-processes.ts'
import { type LabActions, startLabActions } from './lab-actions.ts'

const lost = { quorum: 'lost' } as const

describe.each<[EtcdMinor]>([['3.5'], ['3.6'], ['3.7']])('etcd %s, two of three hosts gone', (minor) => {
  let at: LabActions
  let local = ''
  beforeAll(async () => {
    at = await startLabActions({ minor, spares: 2 })
    const { address, clientPort } = at.lab.host('h1')
    const client = createEtcdClient(`${address}:${clientPort}`)
    await client.putAll(Array.from({ length: 50 }, (_, i) => [`key-${i}`, 'x'] as const))
    client.close()
  }, 120_000)
  afterAll(() => at.close(), 60_000)

  test('while the quorum lives nothing is done', async () => {
    await expect(at.act('survivor.force', { host: 'h1' }, lost)).rejects.toThrow(/has not lost its quorum/)
    await expect(at.act('survivor.try', { host: 'h1' })).rejects.toThrow(/is in use. Stop etcd there first/)
  })

  // New data beside the old log, or old data without its log: either would be a member of neither.
  test('where the log lies apart nothing is restored, tried or forced', async () => {
    // What the data says of the peer URL is what a forced member has, whatever its flags say.
    const { address, clientPort, peerPort, layout } = at.lab.host('h1')
    const { byName } = await at.act('etcd.inspect')
    const { etcdctl } = await createBinaryFinder().etcd(minor)
    local = `http://localhost:${peerPort}`
    const mislead = ['member', 'update', byName['etcd-1'].id, `--peer-urls=${local}`]
    expect(spawnSync(etcdctl, [`--endpoints=${address}:${clientPort}`, ...mislead]).status).toBe(0)
    // What is the last in a log is not known to be committed, and is dropped when it is forced.
    const client = createEtcdClient(`${address}:${clientPort}`)
    for (let more = 0; more < 2; more++) await client.put('key-0', 'x', 5000)
    client.close()
    await at.lab.kill('h2')
    await at.lab.kill('h3')
    await at.lab.run('h2', 'etcd-disable')
    await at.lab.run('h3', 'etcd-disable')
    await at.lab.kill('h1')

    const { environment } = layout
    const before = readFileSync(environment, 'utf8')
    writeFileSync(environment, `${before}\nETCD_WAL_DIR=/var/lib/etcd-wal\n`)
    try {
      const says =
        /^h1 keeps its log in .*\(wal-dir \/var\/lib\/etcd-wal\).*move its \*\.wal files to .*\/member\/wal.*Nothing was changed\.$/
      const seat = { host: 'h1', member: 'etcd-1', path: '/tmp/none.db', initialCluster: 'etcd-1=http://x:1' }
      await expect(at.act('recover.plan')).rejects.toThrow(says)
      await expect(at.act('etcd.restore', seat, lost)).rejects.toThrow(says)
      await expect(at.act('survivor.try', { host: 'h1' })).rejects.toThrow(says)
      await expect(at.act('survivor.force', { host: 'h1' }, lost)).rejects.toThrow(says)
    } finally {
      writeFileSync(environment, before)
    }
  }, 60_000)

  test('a survivor is tried on a copy, forced, and started as a cluster of one', async () => {
    const tried = await at.act('survivor.try', { host: 'h1' })
    expect(tried).toMatchObject({ keys: 50 })
    await expect(at.act('survivor.force', { host: 'h1' }, lost)).rejects.toThrow(
      /is not fenced.*h2.*set it aside/,
    )
    await at.act('dir.setAside', { host: 'h2' })
    await at.act('dir.setAside', { host: 'h3' })
    const forced = await at.act('survivor.force', { host: 'h1' }, lost)
    expect(forced).toMatchObject({
      peerUrlsBefore: [local],
      peerUrls: [expect.not.stringContaining('localhost')],
    })
    expect(forced).toMatchObject({ keys: 50, revision: tried['revision'], kvHash: tried['kvHash'] })
    await at.act('service.start', { host: 'h1' }, lost)
    await eventually(async () => {
      const seen = await at.act('etcd.inspect', {})
      expect(seen['byName']['etcd-1']).toMatchObject({ healthy: true, peerHost: 'h1', id: tried['memberId'] })
      expect(seen['voters']).toBe(1)
    })
  }, 120_000)
})
