import type { Json } from '../dsl/program.ts'
import type { Decision, Failure } from './ports.ts'

/** What is now true of what the run changed, as a person reads it. Reads are not listed. */
export interface Tally {
  /** Took effect and stands. */
  readonly done: readonly string[]
  /** Tried and not known to have succeeded: its effect may be there, whole or in part. */
  readonly unsure: readonly string[]
  readonly undone: readonly string[]
}

export type RunEnd =
  | { readonly kind: 'done'; readonly outputs: Readonly<Record<string, Json>> }
  | { readonly kind: 'failed'; readonly failure: Failure; readonly tally: Tally }
  | {
      readonly kind: 'aborted'
      readonly failure: Failure
      readonly decision: Decision
      readonly tally: Tally
    }
  | {
      readonly kind: 'rolledBack'
      readonly failure: Failure
      readonly decision?: Decision
      /** Why no more could be taken back. */
      readonly barrier?: string
      readonly tally: Tally
    }
  | { readonly kind: 'cancelled'; readonly tally: Tally }

/** Leaves the interpreter from wherever it is. */
export class Ended extends Error {
  override readonly name = 'Ended'
  readonly end: RunEnd

  constructor(end: RunEnd) {
    super(end.kind)
    this.end = end
  }
}

const shown = 10

/** One sentence or a few: what ended the run, and what is now true. */
export function describeEnd(end: Exclude<RunEnd, { kind: 'done' }>): string {
  const parts = [cause(end), ...consequences(end.tally)]
  if (end.kind === 'rolledBack' && end.barrier) parts.push(`No more could be taken back: ${end.barrier}`)
  return parts.map(sentence).join(' ')
}

function cause(end: Exclude<RunEnd, { kind: 'done' }>): string {
  switch (end.kind) {
    case 'failed':
      return `Failed at "${end.failure.summary}": ${end.failure.message}`
    case 'aborted':
      return `Aborted by ${who(end.decision)} at "${end.failure.summary}", which had failed: ${end.failure.message}`
    case 'rolledBack':
      return `Rolled back${end.decision ? ` by ${who(end.decision)}` : ''} after "${end.failure.summary}" failed: ${end.failure.message}`
    case 'cancelled':
      return 'Cancelled between two steps'
  }
}

function consequences({ done, unsure, undone }: Tally): readonly string[] {
  if (done.length + unsure.length + undone.length === 0) return ['Nothing was changed']
  return [
    ...(undone.length > 0 ? [`Taken back: ${listed(undone)}`] : []),
    ...(done.length > 0 ? [`Done and left as it is: ${listed(done)}`] : []),
    ...(unsure.length > 0 ? [`Possibly half done: ${listed(unsure)}`] : []),
  ]
}

function who({ by, reason }: Decision): string {
  return reason === '' ? by : `${by} (${reason})`
}

function listed(names: readonly string[]): string {
  const rest = names.length - shown
  return rest > 0 ? `${names.slice(0, shown).join('; ')}; and ${rest} more` : names.join('; ')
}

const sentence = (text: string): string => (/[.!?…]$/.test(text.trim()) ? text.trim() : `${text.trim()}.`)
