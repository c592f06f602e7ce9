import type { RunSnapshot } from '../../client/run.ts'
import type { DowntimeFigures } from '../../lab/downtime.ts'
import type { Verification, WriterFigures } from '../../lab/writer.ts'
import { phaseWords } from '../view.ts'
import { elapsed, styled } from '../terminal.ts'
import { allEqual, type ClusterSight, hashText } from './sight.ts'

/** Everything the demo measured. What could not be measured is missing, and then the demo has not held. */
export interface DemoFigures {
  readonly etcd: string
  readonly member: string
  readonly from: string
  readonly to: string
  readonly keysWritten: number
  readonly run?: RunSnapshot
  readonly before: ClusterSight
  readonly after?: ClusterSight
  readonly writer: WriterFigures
  readonly verification?: Verification
  readonly downtime: DowntimeFigures
  readonly newEndpoint: string
  /** Whether etcd on the old host runs. */
  readonly oldRuns?: boolean
  readonly tookMs: number
  readonly uiUrl: string
  readonly record: string
}

export interface Finding {
  readonly held: boolean
  readonly name: string
  readonly text: string
}

/** What must hold for the demo to have succeeded, each with what was measured. */
export function findings(figures: DemoFigures): readonly Finding[] {
  const {
    run,
    before,
    after,
    verification,
    downtime,
    newEndpoint,
    member,
    from,
    to,
    oldRuns,
    writer,
    keysWritten,
  } = figures
  const lost = verification?.lost.length
  return [
    {
      name: 'the run',
      held: run?.ending?.phase === 'done',
      text: run === undefined ? 'was never seen' : `${run.id} ${phaseWords[run.phase ?? 'starting']}`,
    },
    {
      name: 'same member',
      held:
        before.member.memberId === after?.member.memberId &&
        before.member.clusterId === after.member.clusterId,
      text: `${before.member.memberId} on ${from} before, ${after?.member.memberId ?? 'no answer'} on ${to} after`,
    },
    {
      name: 'same data',
      held: after !== undefined && before.keys >= keysWritten && sameThen(before, after),
      text: `${count(before.keys)} keys before, hash ${hashText(before.hashes)} on every member; the same revision after: ${after === undefined ? 'not measured' : hashText(after.hashesThen)}`,
    },
    {
      name: 'all agree',
      held: after !== undefined && allEqual(after.hashes) && after.keys >= before.keys + writer.acknowledged,
      text:
        after === undefined
          ? 'not measured'
          : `${count(after.keys)} keys after, hash ${hashText(after.hashes)} on every member`,
    },
    {
      name: 'nothing lost',
      held: lost === 0 && writer.acknowledged > 0,
      text: `${count(writer.acknowledged)} writes acknowledged while it moved, ${lost === undefined ? 'not read back' : `${lost} lost`}`,
    },
    {
      name: 'moved',
      held: downtime.answering === newEndpoint && oldRuns === false,
      text: `${member} answers on ${to}; etcd on ${from} ${oldRuns === undefined ? 'was not looked at' : oldRuns ? 'STILL RUNS' : 'is stopped and fenced'}`,
    },
  ]
}

/** `kept`: everything is left up, so that the browser still finds the run. */
export function reportText(figures: DemoFigures, colour: boolean, kept = false): string {
  const { writer, downtime, uiUrl, record, tookMs, member, from, to, etcd } = figures
  const all = findings(figures)
  const held = all.every((finding) => finding.held)
  const title = held
    ? `${member} moved from ${from} to ${to}, etcd ${etcd}`
    : `The move of ${member} from ${from} to ${to} did NOT hold`
  const rows: readonly (readonly [string, string])[] = [
    [
      'longest gap',
      `${ms(writer.longestGapMs)} between two acknowledged writes (${writer.failed} requests failed and were sent elsewhere)`,
    ],
    [
      'downtime',
      `${ms(downtime.downMs)} without an answer from ${member} itself; the cluster was there all the time`,
    ],
    ['in the browser', kept ? uiUrl : `${uiUrl} (ended with the demo; --keep leaves it up)`],
    ['record', record],
    ['in all', elapsed(tookMs)],
  ]
  return [
    '',
    styled(title, held ? 'green' : 'red', colour),
    '',
    ...all.map(
      ({ held, name, text }) =>
        `  ${held ? styled('✔', 'green', colour) : styled('✖', 'red', colour)} ${name.padEnd(14)}  ${text}`,
    ),
    ...rows.map(([name, text]) => `    ${name.padEnd(14)}  ${text}`),
  ].join('\n')
}

export function reportJson(figures: DemoFigures): object {
  const { run, before, after, ...rest } = figures
  const all = findings(figures)
  return {
    held: all.every(({ held }) => held),
    findings: all,
    run: run?.id,
    before: { keys: before.keys, member: before.member, hash: hashText(before.hashes) },
    after:
      after === undefined ? null : { keys: after.keys, member: after.member, hash: hashText(after.hashes) },
    ...rest,
  }
}

/** The data from before the move, hashed by every member before and after it: all one value. */
function sameThen(before: ClusterSight, after: ClusterSight): boolean {
  return allEqual({ ...prefixed('before', before.hashes), ...prefixed('after', after.hashesThen) })
}

function prefixed<Value>(prefix: string, record: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [`${prefix} ${key}`, value]))
}

const count = (number: number): string => number.toLocaleString('en')

const ms = (milliseconds: number): string =>
  milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : elapsed(milliseconds)
