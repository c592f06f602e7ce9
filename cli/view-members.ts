import type { RunSnapshot } from '../client/run.ts'
import { availabilityLines } from '../dsl/availability.ts'
import type { MemberSight } from '../dsl/member-sight.ts'
import { elapsed, fitted, plainLine, type Style, styled, wrapped } from './terminal.ts'

export interface MemberOptions {
  readonly columns: number
  readonly colour: boolean
  readonly now: number
  /** One line for all of them. */
  readonly brief?: boolean
}

/** The members while a run goes on, with how long ago they were seen; nothing where none were. */
export function memberLines({ open, sight }: RunSnapshot, options: MemberOptions): readonly string[] {
  if (!open || sight === undefined) return []
  const { columns, colour, now, brief = false } = options
  const age = now - sight.atMs
  const when = age < FRESH_MS ? '' : `, as seen ${elapsed(age)} ago`
  const well = sight.members.filter(({ healthy }) => healthy).length
  const leader = sight.members.find(({ isLeader, reachable }) => isLeader && reachable)
  const head = `Members: ${well} of ${sight.members.length} healthy${leader === undefined ? ', no leader' : ''}${when}`
  const stale = age >= STALE_MS ? 'yellow' : 'dim'
  if (brief) {
    const ill = sight.members.filter(({ healthy }) => !healthy).map(({ name }) => name)
    const which = ill.length === 0 ? '' : ` (not ${ill.join(', ')})`
    return ['', styled(fitted(plainLine(head + which), columns), stale, colour)]
  }
  const widths = widthsOf(sight.members)
  return [
    '',
    styled(fitted(head, columns), stale, colour),
    ...sight.members.map((member) => memberLine(member, widths, options)),
  ]
}

/** What watches looks every one and a half seconds, and says so once a second. */
const FRESH_MS = 5_000
const STALE_MS = 15_000

interface Widths {
  readonly name: number
  readonly host: number
}

const widthsOf = (members: readonly MemberSight[]): Widths => ({
  name: Math.min(24, Math.max(...members.map(({ name }) => plainLine(name).length))),
  host: Math.min(24, Math.max(...members.map(({ host }) => plainLine(host).length))),
})

function memberLine(member: MemberSight, widths: Widths, { columns, colour, now }: MemberOptions): string {
  const [mark, style] = markOf(member)
  const name = fitted(plainLine(member.name), widths.name).padEnd(widths.name)
  const host = fitted(plainLine(member.host), widths.host).padEnd(widths.host)
  const left = `${name}  ${host}  `
  const said = fitted(saidOf(member, now), Math.max(4, columns - 4 - left.length))
  return fitsIn(columns, left)
    ? `  ${styled(mark, style, colour)} ${left}${styled(said, member.healthy ? 'dim' : style, colour)}`
    : `  ${styled(mark, style, colour)} ${fitted(`${name.trimEnd()} ${saidOf(member, now)}`, columns - 4)}`
}

const fitsIn = (columns: number, left: string): boolean => columns - 4 - left.length >= 12

function markOf({ healthy, reachable, isLearner }: MemberSight): readonly [mark: string, style: Style] {
  if (healthy) return ['✔', 'green']
  return reachable && isLearner ? ['○', 'yellow'] : ['✖', 'red']
}

/** A cluster that is written to is never all in step. */
const NOTEWORTHY_LAG = 100

function saidOf(member: MemberSight, now: number): string {
  const { healthy, reachable, isLeader, isLearner, version, lag, why, unreachableSinceMs } = member
  if (!reachable) {
    const since = unreachableSinceMs === undefined ? '' : ` since ${elapsed(now - unreachableSinceMs)}`
    const reason = why.replace(/^.* does not answer: /, '')
    return plainLine(`unreachable${since}${reason === '' ? '' : `: ${reason}`}`)
  }
  const role = isLeader ? 'leads' : isLearner ? 'learner' : ''
  const behind = lag >= NOTEWORTHY_LAG || (isLearner && lag > 0) ? `${lag} behind` : ''
  const text = [version, role, behind, healthy ? '' : why].filter((part) => part !== '').join(', ')
  return plainLine(text)
}

/** How available the cluster was: while the run goes on in a line, at its end in full. */
export function availabilityView(
  { open, availability }: RunSnapshot,
  { columns, colour }: MemberOptions,
): readonly string[] {
  if (availability === undefined) return []
  const [writes = '', ...others] = availabilityLines(availability)
  const said = open ? [`so far, ${writes}`] : [writes, ...others]
  return [
    '',
    ...(open ? [] : [styled(`Availability of ${availability.cluster || 'the cluster'}`, 'bold', colour)]),
    ...said.flatMap((line) => {
      const text = open ? `Availability ${line}` : line
      return open
        ? [styled(fitted(plainLine(text), columns), 'dim', colour)]
        : wrapped(text, columns - 4).map((part, at) => `  ${at === 0 ? '' : '  '}${part}`)
    }),
  ]
}
