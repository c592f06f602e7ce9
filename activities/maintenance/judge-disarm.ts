import { bytesText } from '../../dsl/duration.ts'
import type { Alarm } from '../etcd/answers.ts'
import { percent } from './fragmentation.ts'

export interface Raised {
  readonly alarms: readonly Alarm[]
  /** Members of now by their id, with their databases. */
  readonly members: readonly {
    readonly id: string
    readonly name: string
    readonly sizeBytes: number
    /** 0 when it is not known. */
    readonly quotaBytes: number
  }[]
  /** All of them were proven to hold the same keys. */
  readonly agree: boolean
  /** Part of its quota that a database may take. */
  readonly atMost: number
}

export interface Judgement {
  readonly disarm: readonly Alarm[]
  /** Why others are not, a sentence each. */
  readonly refused: readonly string[]
}

/**
 * Which alarms may be disarmed. Pure. NOSPACE once no database is near its quota any more: it would be raised again by
 * the next write. CORRUPT never while the member that it names is there; what one left that is gone is disarmed
 * once all others are proven to agree.
 */
export function judgeDisarm({ alarms, members, agree, atMost }: Raised): Judgement {
  const full = members.filter(
    ({ sizeBytes, quotaBytes }) => quotaBytes > 0 && sizeBytes > atMost * quotaBytes,
  )
  const judged = alarms.map((alarm) => ({ alarm, why: whyNot(alarm) }))
  return {
    disarm: judged.filter(({ why }) => why === undefined).map(({ alarm }) => alarm),
    refused: [...new Set(judged.flatMap(({ why }) => (why === undefined ? [] : [why])))],
  }

  function whyNot({ kind, memberId }: Alarm): string | undefined {
    if (kind === 'NOSPACE') return whyStillFull()
    if (kind !== 'CORRUPT')
      return `An alarm of a kind that Quorate does not know is raised: disarm it by hand.`
    const named = members.find(({ id }) => id === memberId)
    if (named)
      return `CORRUPT is raised on ${named.name}: its data cannot be trusted. Replace that member (etcd-replace-member); the alarm is disarmed afterwards.`
    if (agree) return undefined
    return `CORRUPT is raised, and the members were not proven to hold the same keys: find the one that differs (etcd-inspect) and replace it (etcd-replace-member).`
  }

  function whyStillFull(): string | undefined {
    if (full.length === 0) return undefined
    const spelled = full
      .map(
        ({ name, sizeBytes, quotaBytes }) =>
          `${name} takes ${percent(sizeBytes, quotaBytes)} of its quota of ${bytesText(quotaBytes)}`,
      )
      .join(', ')
    return `NOSPACE is not disarmed: ${spelled}, and would raise it again. Compact to a newer revision and defragment (etcd-maintenance with keep: 0), delete keys, or raise quota-backend-bytes (etcd-reconfigure).`
  }
}
