import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { EtcdMinor } from '../lab/binaries.ts'
import { createEtcdClient } from '../lab/etcd-client.ts'
import { eventually } from './etcd-processes.ts'
import { type LabActions, startLabActions } from './lab-actions.ts'

const lost = { quorum: 'lost' } as const

describe.each<[EtcdMinor]>([['3.5'], ['3.6'], ['3.7']])('etcd %s, two of three hosts gone', (minor) => {
  let at: LabActions
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

  test('a survivor is tried on a copy, forced, and started as a cluster of one', async () => {
    await at.lab.kill('h2')
    await at.lab.kill('h3')
    await at.lab.run('h2', 'etcd-disable')
    await at.lab.run('h3', 'etcd-disable')
    await at.lab.kill('h1')
    const tried = await at.act('survivor.try', { host: 'h1' })
    expect(tried).toMatchObject({ keys: 50 })
    await expect(at.act('survivor.force', { host: 'h1' }, lost)).rejects.toThrow(
      /is not fenced.*h2.*set it aside/,
    )
    await at.act('dir.setAside', { host: 'h2' })
    await at.act('dir.setAside', { host: 'h3' })
    const forced = await at.act('survivor.force', { host: 'h1' }, lost)
    expect(forced).toMatchObject({ keys: 50, revision: tried['revision'], kvHash: tried['kvHash'] })
    await at.act('service.start', { host: 'h1' }, lost)
    await eventually(async () => {
      const seen = await at.act('etcd.inspect', {})
      expect(seen['byName']['etcd-1']).toMatchObject({ healthy: true, peerHost: 'h1', id: tried['memberId'] })
      expect(seen['voters']).toBe(1)
    })
  }, 120_000)
})
