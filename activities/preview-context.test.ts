import { describe, expect, test } from '@jest/globals'
import type { EtcdCluster, EtcdEndpoint } from './etcd/cluster.ts'
import { changeRecord, previewCluster, previewFiles, previewHost } from './preview-context.ts'
import type { Command, RemoteHost } from './ssh/remote-host.ts'

/** Counts what reaches the real thing; whatever would change something must not. */
function spied() {
  const reached: string[] = []
  const host: RemoteHost = {
    ...{ name: 'h1', address: '127.0.0.1', workDir: '/w' },
    exec: async ({ argv }: Command) => {
      reached.push(`exec ${argv.join(' ')}`)
      return { code: 0, stdout: 'out', stderr: '', durationMs: 1 }
    },
    job: async () => {
      throw new Error('a job was run')
    },
  }
  const endpoint = new Proxy({} as EtcdEndpoint, {
    get: (_target, call) => async () => {
      reached.push(String(call))
      return {}
    },
  })
  const cluster: EtcdCluster = { name: 'c', hosts: ['h1'], endpoint: () => endpoint }
  const record = changeRecord()
  return {
    ...{ reached, record },
    host: previewHost(host, record),
    endpoint: previewCluster(cluster, record).endpoint('h1'),
  }
}

describe('on a host', () => {
  test('only what is said to read is run', async () => {
    const { host, reached, record } = spied()
    await host.exec({ argv: ['cat', 'f'], reads: true })
    await expect(host.exec({ argv: ['rm', 'f'] })).rejects.toThrow('a plan changes nothing')
    expect(reached).toEqual(['exec cat f'])
    expect(record.changes).toEqual([{ kind: 'command', host: 'h1', argv: ['rm', 'f'], stdinBytes: 0 }])
  })

  test('a job is noted, counts as done, and has printed nothing that could be read', async () => {
    const { host, record } = spied()
    const ended = await host.job('key', { argv: ['stop'], stdin: 'abc' })
    expect(ended.code).toBe(0)
    expect(() => ended.stdout).toThrow('not known before it is run')
    expect(record.changes).toEqual([{ kind: 'command', host: 'h1', argv: ['stop'], stdinBytes: 3 }])
  })

  test('no data is brought there', () => {
    const { host, record } = spied()
    expect(() => host.refuseTransfer?.('a file')).toThrow('a plan changes nothing')
    expect(record.changes).toEqual([{ kind: 'transfer', host: 'h1', what: 'a file' }])
  })
})

describe('of etcd', () => {
  const reads = ['status', 'members', 'readThroughQuorum', 'key', 'count', 'alarms', 'hash']
  const changes = [
    'put',
    'remove',
    'addMember',
    'removeMember',
    'updateMember',
    'promoteMember',
    'moveLeader',
  ]
  const upkeep = ['disarm', 'compact', 'lengthenLog', 'defragment', 'downgrade']

  test('every call is either a read or refused', () => {
    const { endpoint } = spied()
    expect(Object.keys(endpoint).toSorted()).toEqual(
      ['host', 'url', ...reads, ...changes, ...upkeep].toSorted(),
    )
  })

  test.each(reads)('%s is asked', async (call) => {
    const { endpoint, reached } = spied()
    await Reflect.apply(Reflect.get(endpoint, call), endpoint, [])
    expect(reached).toEqual([call])
  })

  test.each([...changes, ...upkeep])('%s is noted and not sent', async (call) => {
    const { endpoint, reached, record } = spied()
    await expect(Reflect.apply(Reflect.get(endpoint, call), endpoint, [new Uint8Array(1)])).rejects.toThrow(
      'a plan changes nothing',
    )
    expect(reached).toEqual([])
    expect(record.changes).toHaveLength(1)
  })
})

test('the worker’s own files stay', async () => {
  const { record } = spied()
  await previewFiles(record).replace('/no/such/directory/inventory.yaml', 'x', {
    keepAs: '/no/such/directory/x',
  })
  expect(record.changes).toEqual([{ kind: 'file', path: '/no/such/directory/inventory.yaml' }])
})
