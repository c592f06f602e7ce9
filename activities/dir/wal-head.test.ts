import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import { startEtcd } from '../../test/etcd-processes.ts'
import { createEtcdPool } from '../etcd/pool.ts'
import { readIdentity } from './wal-head.ts'

test.each(['3.5', '3.6', '3.7'] as const)(
  'the head of a log of etcd %s tells member and cluster',
  async (minor) => {
    const etcd = await startEtcd({ size: 1, minor })
    const pool = createEtcdPool()
    try {
      const { memberId, clusterId } = await pool.cluster(etcd.inventory).endpoint('a').status()
      const wal = join(etcd.inventory.etcd['a']?.dataDir ?? '', 'member', 'wal')
      const segment = readdirSync(wal).find((name) => name.endsWith('.wal')) ?? ''
      expect(readIdentity(readFileSync(join(wal, segment)).subarray(0, 1024))).toEqual({
        memberId,
        clusterId,
      })
    } finally {
      pool.close()
      await etcd.end()
    }
  },
  30_000,
)

test('bytes that are no log tell nothing, and never throw', () => {
  expect(readIdentity(Buffer.alloc(1024))).toBeUndefined()
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void readIdentity(Buffer.from(bytes))))
})
