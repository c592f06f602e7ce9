import { ApplicationFailure } from '@temporalio/common'
import { defineUpdate, setHandler } from '@temporalio/workflow'
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
  /** Throws a sentence for the person who asks. */
  readonly validate: (run: Decidable, argument: UpdateArgument) => void
  readonly accept: (run: Decidable, who: Who) => UpdateAnswer
}

type Who = { readonly by: string; readonly reason: string }

const doors: Readonly<Record<UpdateName, Door>> = {
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
      (raw) => door.accept(run, whoOf(argumentOf(raw))),
      { description: description(door), validator: (raw) => door.validate(run, argumentOf(raw)) },
    )
  }
}

const description = (door: Door): string =>
  `${door.description} Input, all optional: {"step", "by", "reason"}.`

function decision(kind: DecisionKind, text: string): Door {
  return {
    description: text,
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
    const reason = waiting.withheld[kind] ?? 'it cannot be decided now'
    throw rejection(`"${kind}" is not offered: ${reason}. Offered: ${waiting.offers.join(', ')}.`)
  }
}

function waitingOf(run: Decidable): Waiting {
  if (!run.waiting) throw rejection(`No step waits for a decision: the run is ${stands(run)}.`)
  return run.waiting
}

const stands = ({ phase }: Decidable): string => (phase === 'rollingBack' ? 'rolling back' : phase)

const rejection = (message: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(message, 'Rejected')

const longest = 1000

function argumentOf(raw: unknown): UpdateArgument {
  if (raw === undefined || raw === null) return {}
  if (typeof raw !== 'object' || Array.isArray(raw)) {
    throw rejection(
      'The input is one JSON object, for example {"by": "ada", "reason": "disk replaced"}, or nothing.',
    )
  }
  const { step, by, reason, ...rest } = { step: undefined, by: undefined, reason: undefined, ...raw }
  const unknown = Object.keys(rest)
  if (unknown.length > 0)
    throw rejection(`Unknown input "${unknown.join('", "')}"; there are "step", "by" and "reason".`)
  return { ...text('step', step), ...text('by', by), ...text('reason', reason) }
}

function text(name: keyof UpdateArgument, value: unknown): UpdateArgument {
  if (value === undefined || value === null || value === '') return {}
  if (typeof value !== 'string' || value.length > longest) {
    throw rejection(`"${name}" is a text of at most ${longest} characters.`)
  }
  return { [name]: value }
}

const whoOf = ({ by = 'someone', reason = '' }: UpdateArgument): Who => ({ by, reason })
