import { z } from 'zod'
import type { DecisionKind, StepStatus } from '../workflows/ports.ts'
import type { RunEnd } from '../workflows/run-end.ts'

/** The shape of a test file. What depends on the runbook and the actions is checked afterwards. */

const anything = z.unknown()

/** What a person may say to a run that waits; a new kind of decision is a line here. */
const decisions: Readonly<Record<DecisionKind, true>> = {
  approve: true,
  confirm: true,
  reject: true,
  retry: true,
  skip: true,
  rollback: true,
  abort: true,
}
/** In place of a decision, the run is cancelled while it waits, or nobody answers until what is asked expires. */
export const decisionKinds: readonly string[] = [...Object.keys(decisions), 'cancel', 'expire']

export const isDecision = (kind: string): kind is DecisionKind => Object.hasOwn(decisions, kind)

type End = RunEnd['kind'] | 'waiting'

const ends = {
  done: 'done',
  failed: 'failed',
  rolledBack: 'rolledBack',
  aborted: 'aborted',
  cancelled: 'cancelled',
  waiting: 'waiting',
} as const satisfies { readonly [Kind in End]: Kind }

const statuses = {
  pending: 'pending',
  running: 'running',
  done: 'done',
  rescued: 'rescued',
  skipped: 'skipped',
  notNeeded: 'notNeeded',
  failed: 'failed',
  waiting: 'waiting',
  asking: 'asking',
  undone: 'undone',
} as const satisfies { readonly [Status in StepStatus]: Status }

const text = z.string().min(1)
const calls = z.array(anything)
const inputs = z.record(z.string(), anything)
const given = z.record(z.string(), anything)

/** A decision with the step it is about, `by` and `comment`: all texts. */
export const decisionSchema = z.record(z.string(), z.string())

export const failureWords = ['fails', 'refused', 'unknown'] as const

const inputsText = "What the run is given. The file's are for all tests, a test's own are laid over them."
const givenText =
  "What actions answer, by the name of the action, or by the id of a step where one step's answer differs. A map is the same answer every time; a list is one after the other, the last one for ever. `fails`, `refused` or `unknown` with a message is a failure."

export const waitSchema = z.strictObject({
  at: text.describe('The step it waits at.'),
  failure: text.describe('A part of what had failed, or /a pattern/.').optional(),
  message: text.describe('A part of what is asked in an approval, or /a pattern/.').optional(),
  offers: z.array(text).describe('Exactly what may be decided, in any order.').optional(),
  withheld: z
    .record(z.string(), text)
    .describe('What may not be decided, with a part of the reason, or /a pattern/.')
    .optional(),
})

export const expectSchema = z.strictObject({
  end: z.enum(ends).describe('How it ends; `waiting` when nobody decides any more.').default('done'),
  message: text
    .describe('A part of what is said at the end (of what it waits for), or /a pattern/.')
    .optional(),
  calls: calls
    .describe(
      'All calls, exactly these in this order: an action, a step, or either with some of its arguments.',
    )
    .optional(),
  changes: calls.describe('The same, of the calls that may change something.').optional(),
  includes: calls.describe('Calls that are made in this order; others may be between them.').optional(),
  never: calls.describe('Calls that are not made.').optional(),
  waits: z.array(anything).describe('Where it waited for a person, in this order.').optional(),
  notices: z
    .array(text)
    .describe('What people are told, in this order: a part of each text, or /a pattern/.')
    .optional(),
  steps: z.record(z.string(), z.enum(statuses)).describe('How steps stand at the end.').optional(),
  outputs: z.record(z.string(), anything).describe('What it gives back; others may be there too.').optional(),
})

export const caseSchema = z.strictObject({
  name: text.describe('What is shown, as a sentence.'),
  inputs: inputs.describe(inputsText).default({}),
  given: given.describe(givenText).default({}),
  decide: z
    .array(anything)
    .describe(
      'What a person says each time the run waits: `retry`, or `retry: STEP` with `by` and `comment`.',
    )
    .default([]),
  expect: expectSchema.describe('What must come of it.'),
})

export const testFileSchema = z.strictObject({
  runbook: text
    .describe("The runbook's file, from here; NAME.yaml for NAME.test.yaml when left out.")
    .optional(),
  inputs: inputs.describe(inputsText).default({}),
  given: given.describe(givenText).default({}),
  tests: z.array(anything).min(1, { error: 'A test file has at least one test.' }).describe('The tests.'),
})

export type TestCase = z.output<typeof caseSchema>
export type ExpectedWait = z.output<typeof waitSchema>
