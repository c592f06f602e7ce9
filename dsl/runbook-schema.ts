import { z } from 'zod'
import { parseBytes, parseDuration } from './duration.ts'
import { oneOrMoreRoles } from './policy.ts'

/** The shape of a runbook's source. Steps are checked one by one, so that each says clearly what is wrong. */

const identifier = /^(?!(?:true|false|null|in)$)[a-z][A-Za-z0-9_]*$/
const anything = z.unknown()

export const duration = z
  .string()
  .refine((text) => parseDuration(text) !== undefined, {
    error: 'A duration is written like 10s, 1m30s, 500ms or 2h.',
  })
  .meta({ examples: ['10s', '1m30s'] })

const amount = z.union([z.number(), z.string()])

export const idText = z
  .string()
  .regex(identifier, { error: 'It begins with a small letter and has letters, digits and "_" only.' })

/** A step is shown and decided on by its path, in which `undo` is the way back, for one. */
const stepId = idText.refine((id) => !['undo', 'rescue', 'always'].includes(id), {
  error: 'It stands in the path of a step for what takes it back, rescues it or is always done after it.',
})

export const inputTypes = [
  'string',
  'integer',
  'boolean',
  'duration',
  'bytes',
  'enum',
  'list',
  'cluster',
  'member',
  'host',
  'snapshot',
  'secret',
] as const

export const inputSchema = z.strictObject({
  type: z.enum(inputTypes).describe('What kind of value it is.'),
  description: z.string().describe('What it is for, in one sentence.').default(''),
  required: z.boolean().describe('Whether it has to be given. True unless there is a default.').optional(),
  default: anything.describe('What it is when it is not given.').optional(),
  pattern: z.string().describe('A regular expression the whole text must match.').optional(),
  min: amount
    .describe('The least: of a number, a duration, bytes, or of the length of a text or list.')
    .optional(),
  max: amount.describe('The most.').optional(),
  values: z.array(z.string()).min(1).describe('For an enum: what may be chosen.').optional(),
})

export const runbookSchema = z.strictObject({
  runbook: z.literal(1).describe('The version of the language.'),
  name: z
    .string()
    .regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/, {
      error: 'A name has small letters, digits and single dashes: etcd-migrate-node.',
    })
    .describe('Also the type of the workflow.'),
  title: z.string().min(1).describe('What it does, in one line.'),
  description: z.string().describe('When to use it, what it needs, what it leaves behind.').default(''),
  inputs: z.record(idText, anything).describe('What has to be given to a run.').default({}),
  cluster: z.string().describe('The cluster whose lock the run holds: ${{ inputs.cluster }}').optional(),
  quorum: z
    .enum(['kept', 'lost'])
    .describe(
      '`kept`: no step may endanger the quorum. `lost`: the run refuses to start while a quorum lives.',
    )
    .default('kept'),
  steps: z
    .array(anything)
    .min(1, { error: 'A runbook has at least one step.' })
    .describe('What is done, in this order.'),
  outputs: z.record(idText, anything).describe('What a run gives back.').default({}),
})

export const retrySchema = z.strictObject({
  attempts: z.int().min(1).max(100).describe('Tries in all, the first included.'),
  interval: duration.describe('How long to wait before the second try.').default('1s'),
  backoff: z.number().min(1).max(10).describe('Each wait is the former times this.').default(2),
})

const onFailure = z.enum(['pause', 'rollback', 'continue', 'fail'])

const anyStep = {
  id: stepId.describe('What expressions call its outputs by: steps.ID').optional(),
  name: z.string().min(1).describe('What a person reads.').optional(),
  if: z.union([z.string(), z.boolean()]).describe('Done only when this holds.').optional(),
  onFailure: onFailure
    .describe('`pause` waits for a person, `rollback` takes back, `continue` goes on, `fail` ends the run.')
    .default('pause'),
  skippable: z.boolean().describe('Whether a person may skip it when it has failed.').default(false),
  undo: z.array(anything).min(1).describe('Steps that take it back.').optional(),
  rescue: z
    .array(anything)
    .min(1)
    .describe('Steps that are done instead of pausing when it has failed for good; they see `failure`.')
    .optional(),
  always: z
    .array(anything)
    .min(1)
    .describe('Steps that are done when it is over, however it ended; they see `outcome`.')
    .optional(),
  noReturn: z
    .string()
    .min(1)
    .describe('Why nothing before this step can be taken back once it is done.')
    .optional(),
}

const callStep = {
  ...anyStep,
  with: z.record(z.string(), anything).describe("The action's inputs.").default({}),
  timeout: duration.describe('The longest one attempt (or the whole gate) may take.').optional(),
  retry: retrySchema.optional(),
}

const mostParallel = 50

const condition = z.union([z.string(), z.boolean()])

const asking = {
  by: oneOrMoreRoles
    .describe("Who may answer: a role of the worker's policy, or several. Everybody unless given.")
    .optional(),
  expires: z
    .string()
    .describe('When nobody answered for so long the step fails: a duration, or an expression that gives one.')
    .optional(),
}

export const stepSchemas = {
  uses: z.strictObject({ uses: z.string().describe('The action to perform.'), ...callStep }),
  gate: z.strictObject({
    gate: z.string().describe('The read action to ask, again and again.'),
    until: condition.describe('What has to hold; the answer is `gate`.'),
    stable: z.string().describe('How long it has to hold without a break.').default('0s'),
    every: duration.describe('How often to ask.').default('1s'),
    else: z.string().min(1).describe('What is said when the time is up.').optional(),
    ...callStep,
  }),
  assert: z.strictObject({
    assert: z
      .array(
        z.strictObject({
          that: condition.describe('What must hold.'),
          else: z.string().min(1).describe('What is said when it does not.'),
        }),
      )
      .min(1)
      .describe('What must hold now, or the step fails.'),
    ...anyStep,
  }),
  forEach: z.strictObject({
    forEach: z.string().describe('A list; the steps are done for each of its items, one after the other.'),
    as: idText.describe('What the item is called in the steps.').default('item'),
    maxParallel: z
      .int()
      .min(1)
      .max(mostParallel)
      .describe(
        'How many of them may be under way at the same time. Nothing in them may then disrupt or destroy.',
      )
      .default(1),
    steps: z.array(anything).min(1),
    ...anyStep,
  }),
  steps: z.strictObject({ steps: z.array(anything).min(1).describe('A group.'), ...anyStep }),
  parallel: z.strictObject({
    parallel: z
      .array(anything)
      .min(2, { error: 'It takes two steps at least to do them at the same time.' })
      .max(mostParallel)
      .describe(
        'Steps that are done at the same time; a branch of several steps is a group. None may disrupt or destroy.',
      ),
    ...anyStep,
  }),
  set: z.strictObject({
    set: z.record(idText, anything).describe('Variables, read as vars.NAME.'),
    ...anyStep,
  }),
  call: z.strictObject({
    call: z.string().describe('The name of the runbook to perform as a part of this one.'),
    with: z.record(z.string(), anything).describe('Its inputs.').default({}),
    ...anyStep,
  }),
  approve: z.strictObject({
    approve: z
      .strictObject({
        message: z
          .string()
          .min(1)
          .describe('What is asked, as Markdown: what will be done, and what it costs.'),
        people: z.int().min(1).max(20).describe('How many different people have to approve.').default(1),
        notRequester: z
          .boolean()
          .describe('Whether it takes another person than who started the run.')
          .default(false),
        ...asking,
      })
      .describe('Waits until a person approves; when it is rejected, the step fails with the comment.'),
    ...anyStep,
  }),
  wait: z.strictObject({
    wait: z.string().describe('How long: a duration, or an expression that gives one.'),
    ...anyStep,
  }),
  notify: z.strictObject({
    notify: z
      .strictObject({
        message: z.string().min(1).describe('What people are told.'),
        to: z
          .union([z.array(z.string()).min(1), z.string()])
          .describe('Names of channels, as the worker’s configuration has them; all of them unless given.')
          .optional(),
      })
      .describe('Tells people something. A notice that cannot be delivered is noted, and the run goes on.'),
    ...anyStep,
  }),
  manual: z.strictObject({
    manual: z
      .strictObject({
        message: z.string().min(1).describe('What a person is to do by hand, as Markdown.'),
        confirm: z
          .string()
          .min(1)
          .describe('What has to be typed to confirm it, such as the name of the host.')
          .optional(),
        ...asking,
      })
      .describe('Waits until a person has done something by hand and confirms it.'),
    ...anyStep,
  }),
} as const

export type StepKind = keyof typeof stepSchemas
export const stepKinds: readonly StepKind[] = [
  'uses',
  'gate',
  'assert',
  'approve',
  'call',
  'forEach',
  'manual',
  'notify',
  'parallel',
  'set',
  'steps',
  'wait',
]

export type InputSource = z.output<typeof inputSchema>
export type RunbookSource = z.output<typeof runbookSchema>
export type RetrySource = z.output<typeof retrySchema>
export type StepSource = { readonly [Kind in StepKind]: z.output<(typeof stepSchemas)[Kind]> }

/** Reads what `min`, `max` and `default` of an input say in its own unit; nothing when it does not fit. */
export function amountOf(type: InputSource['type'], value: unknown): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value !== 'string') return undefined
  if (type === 'duration') return parseDuration(value)
  if (type === 'bytes') return parseBytes(value)
  return undefined
}
