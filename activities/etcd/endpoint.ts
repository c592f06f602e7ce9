import type { z } from 'zod'
import {
  addedAnswer,
  alarmsAnswer,
  doneAnswer,
  hashAnswer,
  keysAnswer,
  membershipAnswer,
  rangeAnswer,
  statusAnswer,
  writtenAnswer,
} from './answers.ts'
import type { Alarm } from './answers.ts'
import type { CallOptions, Channel } from './channel.ts'
import type { ChangeObserver, EtcdEndpoint } from './cluster.ts'

interface Seat {
  readonly host: string
  readonly url: string
  readonly channel: Channel
  readonly observe?: ChangeObserver
}

/** A member's endpoint over an open channel. */
export function etcdEndpoint(seat: Seat): EtcdEndpoint {
  const ask = asker(seat)
  const change = changer(seat)
  return {
    host: seat.host,
    url: seat.url,
    status: (options) => ask('Status', {}, statusAnswer, options),
    members: (linearizable, options) => ask('MemberList', { linearizable }, membershipAnswer, options),
    readThroughQuorum: (options) => ask('Range', missingKey, rangeAnswer, options),
    key: async (key, revision = 0, options) =>
      (await ask('Range', { key, limit: 1, revision }, keysAnswer, options)).keys[0],
    count: async (prefix, revision = 0, options) => {
      const request = { ...rangeOf(prefix), revision, count_only: true }
      const told = await ask('Range', request, rangeAnswer, { timeoutMs: 10_000, ...options })
      return { keys: told.count, revision: told.revision }
    },
    put: (key, value, options) => change('Put', { key, value }, writtenAnswer, options),
    remove: (key, options) => change('DeleteRange', { key }, writtenAnswer, options),
    alarms: (options) => ask('Alarm', { action: 0 }, alarmsAnswer, options),
    hash: (revision, options) => ask('HashKV', { revision }, hashAnswer, { timeoutMs: 10_000, ...options }),
    addMember: (peerURLs, isLearner, options) =>
      change('MemberAdd', { peerURLs, isLearner }, addedAnswer, options),
    removeMember: async (id, options) =>
      (await change('MemberRemove', { ID: decimal(id) }, membershipAnswer, options)).members,
    updateMember: async (id, peerURLs, options) =>
      (await change('MemberUpdate', { ID: decimal(id), peerURLs }, membershipAnswer, options)).members,
    promoteMember: async (id, options) =>
      (await change('MemberPromote', { ID: decimal(id) }, membershipAnswer, options)).members,
    moveLeader: async (toId, options) => {
      await change('MoveLeader', { targetID: decimal(toId) }, doneAnswer, options)
    },
    disarm: async (alarm, options) => {
      await change('Alarm', disarming(alarm), alarmsAnswer, options)
    },
    compact: async (revision, options) => {
      await change('Compact', { revision, physical: true }, doneAnswer, { timeoutMs: 30_000, ...options })
    },
    lengthenLog: async (options) => {
      await ask('Alarm', disarming({ memberId: nobody, kind: 'NOSPACE' }), alarmsAnswer, {
        timeoutMs: changeTimeoutMs,
        ...options,
      })
    },
    defragment: async (options) => {
      await change('Defragment', {}, doneAnswer, options)
    },
    downgrade: async (action, version, options) => {
      const request = { action: downgradeNumber[action], version }
      await (action === 'validate' ? ask : change)('Downgrade', request, doneAnswer, {
        timeoutMs: changeTimeoutMs,
        ...options,
      })
    },
  }
}

const defaultTimeoutMs = 2000
/** A change goes through the quorum's log and its disks. */
const changeTimeoutMs = 7000

function asker({ channel }: Seat) {
  return async <Answer extends z.ZodType>(
    method: string,
    request: object,
    answer: Answer,
    options?: CallOptions,
  ): Promise<z.output<Answer>> =>
    answer.parse(await channel.call(method, request, { timeoutMs: defaultTimeoutMs, ...options }))
}

function changer(seat: Seat) {
  const ask = asker(seat)
  return async <Answer extends z.ZodType>(
    call: string,
    request: object,
    answer: Answer,
    options?: CallOptions,
  ) => {
    const ended = await seat.observe?.({ host: seat.host, call, request })
    const startMs = performance.now()
    const took = (): number => Math.round(performance.now() - startMs)
    let answered: z.output<Answer>
    try {
      answered = await ask(call, request, answer, { timeoutMs: changeTimeoutMs, ...options })
    } catch (error) {
      await ended?.({ ms: took(), error })
      throw error
    }
    await ended?.({ ms: took() })
    return answered
  }
}

/** No client writes a key of one zero byte; whether it is there does not matter, only that the quorum answers. */
const missingKey = { key: Buffer.from([0]), limit: 1, count_only: true }

/** All keys that begin so: up to the same bytes with the last that can be raised raised; without any, every key. */
function rangeOf(prefix: Uint8Array) {
  const raised = prefix.findLastIndex((byte) => byte < 0xff)
  const end = Buffer.from(prefix.subarray(0, raised + 1))
  if (raised >= 0) end[raised] = (end[raised] ?? 0) + 1
  const all = Buffer.from([0])
  return { key: prefix.length === 0 ? all : prefix, range_end: raised < 0 ? all : end }
}

/** No member's id; an alarm of it was never raised. */
const nobody = '1'

const alarmNumber = { NONE: 0, NOSPACE: 1, CORRUPT: 2, UNKNOWN: 0 } as const

const downgradeNumber = { validate: 0, enable: 1, cancel: 2 } as const

function disarming({ memberId, kind }: Alarm) {
  return { action: 2, memberID: decimal(memberId), alarm: alarmNumber[kind] }
}

function decimal(hexId: string): string {
  return BigInt(`0x${hexId}`).toString()
}
