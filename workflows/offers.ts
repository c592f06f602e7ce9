import { decisionNames } from '../dsl/decision-names.ts'
import type { Offered, UpdateName } from './doors.ts'
import type { DecisionKind, RunPhase, Waiting } from './ports.ts'

/** How a run stands, as far as that says what may be decided. */
export interface Standing {
  readonly phase: RunPhase
  readonly waiting: Waiting | undefined
  readonly paused: boolean
  readonly cancelRequested: boolean
}

/** What may be decided now, and why everything else may not. */
export function offered(run: Standing): Offered {
  const reasons = decisionNames.map((name) => [name, withheld(name, run)] as const)
  return {
    offers: reasons.flatMap(([name, reason]) => (reason === undefined ? [name] : [])),
    withheld: Object.fromEntries(reasons.filter(([, reason]) => reason !== undefined)),
  }
}

/** The sentence a decision is refused with that is not offered now; nothing where it is. */
export function notOffered(name: UpdateName, run: Standing): string | undefined {
  const reason = withheld(name, run)
  if (reason === undefined) return undefined
  if (isOver(run.phase)) return `The run is over (${stands(run)}): nothing can be decided any more.`
  if (name === 'pause' && run.paused) return `${capital(reason)}. Send "resume" to go on.`
  if (name === 'pause' || name === 'resume' || !run.waiting) return `${capital(reason)}.`
  return `"${name}" is not offered: ${reason}. Offered: ${run.waiting.offers.join(', ')}.`
}

function withheld(name: UpdateName, run: Standing): string | undefined {
  if (isOver(run.phase)) return 'the run is over'
  if (name === 'pause' && run.cancelRequested)
    return 'the run was asked to cancel: it ends before its next step'
  if (name === 'pause') return run.paused ? 'the run is already paused' : undefined
  if (name === 'resume') return run.paused ? undefined : `the run is not paused: it is ${stands(run)}`
  if (!run.waiting) return `no step waits for a decision: the run is ${stands(run)}`
  return run.waiting.offers.includes(name) ? undefined : reasonOf(name, run.waiting)
}

/** The interpreter says why what it could offer is not safe; the rest has no meaning for what waits. */
function reasonOf(name: DecisionKind, { withheld: said, approval }: Waiting): string {
  return (
    said[name] ?? (approval ? 'it cannot be decided now' : (nothingAsked[name] ?? 'it cannot be decided now'))
  )
}

const nothingAsked: Readonly<Partial<Record<DecisionKind, string>>> = {
  approve: 'the run asks for no approval now',
  reject: 'the run asks for no approval now',
  confirm: 'there is nothing to be done by hand now',
}

/** `retry, skip: nothing has failed`: what has the same reason is said once. */
export function withheldTexts(
  kinds: readonly UpdateName[],
  reasons: Offered['withheld'],
): readonly { readonly kinds: readonly UpdateName[]; readonly reason: string }[] {
  const alike = new Map<string, readonly UpdateName[]>()
  for (const kind of kinds) {
    const reason = reasons[kind]
    if (reason !== undefined) alike.set(reason, [...(alike.get(reason) ?? []), kind])
  }
  return [...alike].map(([reason, of]) => ({ kinds: of, reason }))
}

/** How a run stands, in a sentence that begins with "the run is". */
function stands({ phase }: Standing): string {
  return words[phase] ?? phase
}

const words: Readonly<Partial<Record<RunPhase, string>>> = {
  rollingBack: 'rolling back',
  rolledBack: 'rolled back',
}

const ends: ReadonlySet<RunPhase> = new Set(['done', 'rolledBack', 'aborted', 'cancelled', 'failed'])
const isOver = (phase: RunPhase): boolean => ends.has(phase)

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
