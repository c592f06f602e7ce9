import { ApplicationFailure } from '@temporalio/common'
import { listed } from '../dsl/near.ts'
import type { UpdateArgument } from './doors.ts'

/** What a person who asks is told; the update fails with it. */
export const rejection = (message: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(message, 'Rejected')

/** Who decides, and what is said with it, with something in every place. */
export interface Who {
  readonly by: string
  readonly comment: string
  readonly door: string
}

export const whoOf = ({
  by = 'someone',
  reason = '',
  comment = reason,
  door = 'temporal',
}: UpdateArgument): Who => ({
  by,
  comment,
  door,
})

/** Reads an update's one argument. Throws a sentence for what is none. */
export function argumentOf(raw: unknown): UpdateArgument {
  if (raw === undefined || raw === null) return {}
  if (typeof raw !== 'object' || Array.isArray(raw)) {
    throw rejection(
      'The input is one JSON object, for example {"by": "ada", "comment": "disk replaced"}, or nothing.',
    )
  }
  const given = Object.entries(raw).filter(
    ([, value]) => value !== undefined && value !== null && value !== '',
  )
  const unknown = Object.keys(raw).filter((name) => !isField(name))
  if (unknown.length > 0) {
    const names = Object.keys(fields).map((name) => `"${name}"`)
    throw rejection(`Unknown input "${unknown.join('", "')}"; there are ${listed(names)}.`)
  }
  for (const [name, value] of given) if (isField(name)) fields[name](name, value)
  return Object.fromEntries(given)
}

type Check = (name: string, value: unknown) => void

const fields: Readonly<Record<keyof UpdateArgument, Check>> = {
  by: text(200),
  comment: text(1000),
  reason: text(1000),
  step: text(1000),
  ask: (name, value) => {
    if (!Number.isSafeInteger(value)) throw rejection(`"${name}" is a whole number, as the run shows it.`)
  },
  hash: (name, value) => {
    if (typeof value === 'string' && /^[0-9a-f]{12,64}$/.test(value)) return
    throw rejection(`"${name}" is the program's sha256 as the run shows it, 12 of its digits at least.`)
  },
  typed: text(1000),
  door: text(100),
}

const isField = (name: string): name is keyof UpdateArgument => Object.hasOwn(fields, name)

function text(longest: number): Check {
  return (name, value) => {
    if (typeof value === 'string' && value.length <= longest) return
    throw rejection(`"${name}" is a text of at most ${longest} characters.`)
  }
}
