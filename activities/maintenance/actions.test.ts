import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createEtcdClient } from '../../lab/etcd-client.ts'
import { openChannel } from '../etcd/channel.ts'
import type { EtcdMinor } from '../../lab/binaries.ts'
import { eventually } from '../../test/etcd-processes.ts'
import { type LabActions, startLabActions } from '../../test/lab-actions.ts'

jest.setTimeout(60_000)

const MiB = 2 ** 20

describe.each<[EtcdMinor]>([['3.5'], ['3.7']])('maintenance of etcd %s, by real members', (minor) => {
  let lab: LabActions
  beforeAll(async () => {
    const environment = { ETCD_QUOTA_BACKEND_BYTES: String(24 * MiB) }
    lab = await startLabActions({ minor, spares: 0, environment })
  })
  afterAll(() => lab?.close())

  const client = (host = 'h1') => {
    const { address, clientPort } = lab.lab.host(host)
    return createEtcdClient(`${address}:${clientPort}`)
  }
  const put = async (key: string, bytes: number) => {
    const one = client()
    try {
      return await one.put(key, 'x'.repeat(bytes), 5000)
    } finally {
      one.close()
    }
  }
  const refused = (message: RegExp) => ({
    details: [{ kind: 'refused' }],
    message: expect.stringMatching(message),
  })

  test('a quota is told by every version', async () => {
    const { members } = await lab.act('etcd.maintenance.plan')
    expect(members.map((member: { quotaBytes: number }) => member.quotaBytes)).toEqual([
      24 * MiB,
      24 * MiB,
      24 * MiB,
    ])
    expect(members.at(-1)).toMatchObject({ isLeader: true })
  })

  test('what there is nothing of is not forgotten, and the future not at all', async () => {
    await put('k', 10)
    expect(await lab.act('etcd.compact', { keep: 1000 })).toMatchObject({ revision: 0, compacted: false })
    await expect(lab.act('etcd.compact', { revision: 9999 })).rejects.toMatchObject(
      refused(/no revision 9999 yet/),
    )
    await expect(lab.act('etcd.compact', { revision: 1, keep: 1 })).rejects.toMatchObject(
      refused(/either "revision" or "keep"/),
    )
  })

  test('the CORRUPT of a member that is gone is named, and lowered since all others hold the same', async () => {
    const { address, clientPort } = lab.lab.host('h1')
    const channel = openChannel({ host: 'h1', url: `http://${address}:${clientPort}` })
    try {
      await channel.call('Alarm', { action: 1, memberID: '48879', alarm: 2 }, { timeoutMs: 5000 })
    } finally {
      channel.close()
    }
    const left = 'CORRUPT on the member with ID beef'
    await eventually(async () => expect((await lab.act('etcd.inspect'))['alarms']).toContain(left))
    expect(await lab.act('etcd.alarm.disarm', { gone: true })).toEqual({
      disarmed: [`${left}, which is gone`],
    })
    expect((await lab.act('etcd.inspect'))['alarms']).toEqual([])
    expect(await lab.act('etcd.alarm.disarm', { gone: true })).toEqual({ disarmed: [] })
  })

  test('full: writes are refused, and compacting, defragmenting and disarming take them up again', async () => {
    let outcome = await put('same', MiB)
    while (outcome.kind === 'acknowledged') outcome = await put('same', MiB)
    expect(outcome).toMatchObject({ reason: expect.stringContaining('space exceeded') })

    await expect(lab.act('etcd.alarm.disarm')).rejects.toMatchObject(
      refused(/^NOSPACE is not disarmed: .* takes \d+ % of its quota of 24 MiB/),
    )
    // One that itself is not well may be stopped, as long as the others are.
    const alarms = JSON.stringify((await lab.act('etcd.inspect', { hash: false }))['alarms'])
    const host = ['h1', 'h2', 'h3'].find((each) => !alarms.includes(each.replace('h', 'etcd-'))) ?? 'h1'
    await expect(lab.act('service.stop', { host })).rejects.toMatchObject(refused(/NOSPACE|alarm/))

    const compacted = await lab.act('etcd.compact', { keep: 1 })
    expect(compacted).toMatchObject({ compacted: true, pending: [] })
    expect(await lab.act('etcd.compact', { keep: 1 })).toMatchObject({ compacted: false })

    const { members, noSpace, worthwhile } = await lab.act('etcd.maintenance.plan')
    expect(noSpace.length).toBeGreaterThan(0)
    expect(worthwhile).toEqual(members.map((member: { name: string }) => member.name))
    for (const member of worthwhile) {
      const done = await lab.act('etcd.defragment', { member })
      expect(done).toMatchObject({ member, done: true })
      expect(done['freedBytes']).toBeGreaterThan(10 * MiB)
      expect(done['afterBytes']).toBeLessThan(10 * MiB)
    }
    const { disarmed } = await lab.act('etcd.alarm.disarm')
    expect(disarmed).toEqual(noSpace.map((member: string) => `NOSPACE on ${member}`))
    expect(await put('same', MiB)).toMatchObject({ kind: 'acknowledged' })
    expect(await lab.act('etcd.alarm.disarm')).toEqual({ disarmed: [] })
  })

  test('where nothing is to be gained the member is not asked', async () => {
    await lab.act('etcd.compact', { keep: 0 })
    await lab.act('etcd.defragment', { member: 'etcd-1' })
    expect(await lab.act('etcd.defragment', { member: 'etcd-1' })).toMatchObject({
      done: false,
      freedBytes: 0,
    })
  })

  test('no member is paused while another is down, and compacting names the one that has not heard of it', async () => {
    expect(await put('same', 10)).toMatchObject({ kind: 'acknowledged' })
    await lab.lab.kill('h3')
    await eventually(async () =>
      expect((await lab.act('etcd.inspect', { hash: false }))['leader']).not.toBe(''),
    )
    const down = lab.act('etcd.defragment', { member: 'etcd-1' })
    await expect(down).rejects.toMatchObject(
      refused(/^etcd-1 was not defragmented: the others must all be well/),
    )
    expect(await lab.act('etcd.compact', { keep: 0 })).toMatchObject({
      compacted: true,
      pending: ['etcd-3'],
    })
  })
})
