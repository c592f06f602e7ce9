import { ApplicationFailure } from '@temporalio/common'
import { defineUpdate, setHandler } from '@temporalio/workflow'
import { listed } from '../dsl/near.ts'
import type { UpdateAnswer, UpdateArgument, UpdateName } from './doors.ts'
import type { Decision, DecisionKind, RunPhase, Waiting } from './ports.ts'

/** What the updates look at and change; the run itself waits on it. */
export interface Decidable {
  readonly phase: RunPhase
  readonly waiting: Waiting | undefined
  readonly paused: boolean
  decide(decision: Decision): void
  pause(by: string, reason: string): void
  resume(): void
}

interface Door {
  readonly description: string
  /** Besides "step", "by" and "reason". */
  readonly takes?: 'comment'
  /** Throws a sentence for the person who asks. */
  readonly validate: (run: Decidable, argument: UpdateArgument) => void
  readonly accept: (run: Decidable, who: Who) => UpdateAnswer
}

type Who = { readonly by: string; readonly reason: string }

const doors: Readonly<Record<UpdateName, Door>> = {
  approve: decision('approve', 'Say yes to what the run asks, and let it go on.', 'comment'),
  reject: decision('reject', 'Say no to what the run asks; its step fails with your comment.', 'comment'),
  retry: decision('retry', 'Try the step that waits once more.'),
  skip: decision('skip', 'Go on without the step that waits, where the runbook allows it.'),
  rollback: decision('rollback', 'Take back what was done, newest first, and end the run.'),
  abort: decision('abort', 'End the run and leave everything as it is now.'),
  pause: {
    description: 'Stop before the next step. A step that runs is finished first.',
    validate: (run) => {
      if (run.paused) throw rejection('The run is already paused. Send "resume" to go on.')
    },
    accept: (run, { by, reason }) => {
      run.pause(by, reason)
      return { message: 'The run stops before its next step. Send "resume" to go on.' }
    },
  },
  resume: {
    description: 'Go on after a pause.',
    validate: (run) => {
      if (!run.paused) throw rejection(`The run is not paused: it is ${stands(run)}.`)
    },
    accept: (run) => {
      run.resume()
      return { message: 'The run goes on.' }
    },
  },
}

/** Makes the run answer to its updates, from the very first moment of the execution. */
export function openUpdates(run: Decidable): void {
  for (const [name, door] of Object.entries(doors)) {
    setHandler(
      defineUpdate<UpdateAnswer, [unknown]>(name),
      (raw) => door.accept(run, whoOf(argumentOf(door, raw))),
      { description: description(door), validator: (raw) => door.validate(run, argumentOf(door, raw)) },
    )
  }
}

const description = ({ description: text, takes }: Door): string =>
  `${text} Input, all optional: {"step", "by", "${takes ?? 'reason'}"}.`

function decision(kind: DecisionKind, text: string, takes?: 'comment'): Door {
  return {
    description: text,
    ...(takes === undefined ? {} : { takes }),
    validate: (run, argument) => checkDecision(kind, run, argument),
    accept: (run, who) => {
      const { failure } = waitingOf(run)
      run.decide({ kind, ...who })
      return { message: `Accepted: ${kind} "${failure.summary}".`, step: failure.step }
    },
  }
}

function checkDecision(kind: DecisionKind, run: Decidable, { step }: UpdateArgument): void {
  const waiting = waitingOf(run)
  if (step !== undefined && step !== waiting.failure.step) {
    throw rejection(`The step that waits is "${waiting.failure.step}", not "${step}".`)
  }
  if (!waiting.offers.includes(kind)) {
    const reason = waiting.withheld[kind] ?? (waiting.approval ? 'it cannot be decided now' : notAsked)
    throw rejection(`"${kind}" is not offered: ${reason}. Offered: ${waiting.offers.join(', ')}.`)
  }
}

const notAsked = 'the run asks for no approval now'

function waitingOf(run: Decidable): Waiting {
  if (!run.waiting) throw rejection(`No step waits for a decision: the run is ${stands(run)}.`)
  return run.waiting
}

const stands = ({ phase }: Decidable): string => (phase === 'rollingBack' ? 'rolling back' : phase)

const rejection = (message: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(message, 'Rejected')

const longest = 1000

function argumentOf({ takes }: Door, raw: unknown): UpdateArgument {
  if (raw === undefined || raw === null) return {}
  if (typeof raw !== 'object' || Array.isArray(raw)) {
    throw rejection(
      'The input is one JSON object, for example {"by": "ada", "reason": "disk replaced"}, or nothing.',
    )
  }
  const { step, by, reason, ...others } = { step: undefined, by: undefined, reason: undefined, ...raw }
  const { comment, ...rest } = { comment: undefined, ...others }
  const known = takes === undefined ? ['step', 'by', 'reason'] : ['step', 'by', 'comment', 'reason']
  const unknown = [...Object.keys(rest), ...(comment === undefined || takes ? [] : ['comment'])]
  if (unknown.length > 0) {
    const names = known.map((name) => `"${name}"`)
    throw rejection(`Unknown input "${unknown.join('", "')}"; there are ${listed(names)}.`)
  }
  return { ...text('step', step), ...text('by', by), ...text('reason', reason), ...text('comment', comment) }
}

function text(name: keyof UpdateArgument, value: unknown): UpdateArgument {
  if (value === undefined || value === null || value === '') return {}
  if (typeof value !== 'string' || value.length > longest) {
    throw rejection(`"${name}" is a text of at most ${longest} characters.`)
  }
  return { [name]: value }
}

const whoOf = ({ by = 'someone', reason = '', comment = reason }: UpdateArgument): Who => ({
  by,
  reason: comment,
})
