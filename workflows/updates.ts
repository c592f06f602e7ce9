import { defineUpdate, setHandler } from '@temporalio/workflow'
import { decisionNames } from '../dsl/decision-names.ts'
import type { Policy } from '../dsl/policy.ts'
import type { UpdateAnswer, UpdateArgument, UpdateName } from './doors.ts'
import type { Decided, Noted } from './evidence-entry.ts'
import { notOffered, type Standing } from './offers.ts'
import type { Decision, DecisionKind, Waiting } from './ports.ts'
import { Sender } from './sender.ts'
import { argumentOf, rejection, type Who, whoOf } from './update-argument.ts'
import { mayNot } from './who-may.ts'

/** What the updates look at and change; the run itself waits on it. */
export interface Decidable extends Standing {
  /** Who may decide; everybody unless given. */
  readonly policy: Policy | undefined
  /** Who started the run. */
  readonly requester: string
  /** sha256 of the program, hex; empty until it is loaded. */
  readonly hash: string
  /** Decisions that were refused so far. */
  readonly refused: number
  /** Returns how many people more it takes; 0 once it is decided. */
  decide(decision: Decision): number
  pause(by: string, reason: string): void
  resume(): void
  note(noted: Noted): void
}

interface Door {
  readonly description: string
  /** What it takes besides "step", "by" and "comment". */
  readonly takes?: string
  readonly accept: (run: Decidable, who: Who) => UpdateAnswer
}

const doors: Readonly<Record<UpdateName, Door>> = {
  approve: decision('approve', 'Say yes to what the run asks, and let it go on.'),
  reject: decision('reject', 'Say no to what the run asks; its step fails with your comment.'),
  confirm: decision('confirm', 'Say that what was to be done by hand is done.', '"typed"'),
  retry: decision('retry', 'Try the step that waits once more.'),
  skip: decision('skip', 'Go on without the step that waits, where the runbook allows it.'),
  rollback: decision('rollback', 'Take back what was done, newest first, and end the run.'),
  abort: decision('abort', 'End the run and leave everything as it is now.'),
  pause: {
    description: 'Stop before the next step. A step that runs is finished first.',
    accept: (run, { by, comment }) => {
      run.pause(by, comment)
      return { message: 'The run stops before its next step. Send "resume" to go on.' }
    },
  },
  resume: {
    description: 'Go on after a pause.',
    accept: (run) => {
      run.resume()
      return { message: 'The run goes on.' }
    },
  },
}

/**
 * Makes the run answer to its updates, from the very first moment of the execution. The validators refuse
 * what means nothing, without a trace; what means something and cannot be done is refused by the handlers,
 * so that it stands in the history and in the run's evidence.
 */
export function openUpdates(run: Decidable): void {
  for (const name of decisionNames) {
    setHandler(
      defineUpdate<UpdateAnswer, [unknown]>(name),
      (raw: unknown, sender?: unknown) => answer(name, run, argumentOf(raw), sender),
      {
        description: description(doors[name]),
        validator: (raw) => validate(run, raw),
      },
    )
  }
}

const description = ({ description: text, takes }: Door): string =>
  `${text} Input, all optional: {"step", "by", "comment"${takes === undefined ? '' : `, ${takes}`}}.`

/** A history has room for so many, and nobody needs more. */
const mostRefused = 200

function validate(run: Decidable, raw: unknown): void {
  argumentOf(raw)
  if (run.refused >= mostRefused) {
    throw rejection(
      `${mostRefused} decisions of this run were refused already; it takes no more. Cancel it (\`quorate cancel\`) if it is to end.`,
    )
  }
}

function answer(name: UpdateName, run: Decidable, argument: UpdateArgument, sender: unknown): UpdateAnswer {
  const { waiting } = run
  const who = whoOf(argument)
  const asked = decided(name, argument, who, { waiting, sender })
  const why = refusal(name, run, argument)
  if (why !== undefined) {
    run.note({ ...asked, outcome: 'refused', why })
    throw rejection(why)
  }
  const answered = doors[name].accept(run, who)
  run.note({ ...asked, outcome: 'accepted' })
  return answered
}

type Seen = { readonly waiting: Waiting | undefined; readonly sender: unknown }

function decided(
  decision: UpdateName,
  { step, ask, hash }: UpdateArgument,
  { by, comment, door }: Who,
  { waiting, sender }: Seen,
): Omit<Decided, 'outcome'> {
  const { update, identity } = sender instanceof Sender ? sender : { update: '', identity: undefined }
  const ofStep = decision !== 'pause' && decision !== 'resume'
  const named = {
    ...(step === undefined ? {} : { step }),
    ...(ask === undefined ? {} : { ask }),
    ...(hash === undefined ? {} : { hash }),
  }
  return {
    kind: 'decision',
    decision,
    by,
    ...(identity === undefined ? {} : { identity }),
    door,
    comment,
    ...(waiting && ofStep ? { step: waiting.failure.step } : {}),
    ...(waiting?.ask !== undefined && ofStep ? { ask: waiting.ask } : {}),
    ...(Object.keys(named).length === 0 ? {} : { named }),
    update,
  }
}

function refusal(name: UpdateName, run: Decidable, argument: UpdateArgument): string | undefined {
  const { waiting } = run
  const otherProgram = argument.hash !== undefined && !run.hash.startsWith(argument.hash)
  if (otherProgram) {
    return `This run's program is ${run.hash.slice(0, 12)}, not ${argument.hash?.slice(0, 12)}: look at it anew (\`quorate show\`), then decide.`
  }
  if (waiting && name !== 'pause' && name !== 'resume') {
    const other = otherAsking(waiting, argument)
    if (other !== undefined) return other
  }
  return notOffered(name, run) ?? notAllowed(name, run, argument)
}

function notAllowed(name: UpdateName, run: Decidable, { by, typed }: UpdateArgument): string | undefined {
  const { policy, requester, waiting } = run
  const approval = waiting?.approval
  const refused = mayNot({ decision: name, by, policy, requester, ...(approval ? { approval } : {}) })
  if (refused !== undefined || name !== 'confirm' || approval?.typed === undefined) return refused
  if (typed?.trim() === approval.typed) return undefined
  return `To confirm this, type what it is about: {"typed": ${JSON.stringify(approval.typed)}}${typed === undefined ? '' : `; you typed ${JSON.stringify(typed)}`}.`
}

function otherAsking({ failure, ask }: Waiting, argument: UpdateArgument): string | undefined {
  if (argument.step !== undefined && argument.step !== failure.step)
    return `The step that waits is "${failure.step}", not "${argument.step}".`
  if (argument.ask === undefined || argument.ask === ask) return undefined
  return `What waits now is asking ${ask} of this run ("${failure.summary}"), and your answer is to asking ${argument.ask}: look at it anew, then decide.`
}

function decision(kind: DecisionKind, description: string, takes?: string): Door {
  return {
    description,
    ...(takes === undefined ? {} : { takes }),
    accept: (run, { by, comment }) => {
      const { waiting } = run
      if (!waiting) return { message: `Accepted: ${kind}.` }
      const missing = run.decide({ kind, by, reason: comment })
      const { failure, ask } = waiting
      return {
        message: accepted(kind, waiting, missing),
        step: failure.step,
        ...(ask === undefined ? {} : { ask }),
      }
    },
  }
}

/** Says what it was that was answered, so that a person sees it was what they meant. */
function accepted(kind: DecisionKind, { failure, approval }: Waiting, missing: number): string {
  const what = `${kind} "${failure.summary}"`
  const asked = approval ? ` What was asked: ${shortened(approval.message)}` : ''
  if (missing === 0) return `Accepted: ${what}.${asked}`
  const more = missing === 1 ? '1 more person has' : `${missing} more people have`
  return `Accepted: ${what}; ${more} to approve.${asked}`
}

function shortened(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length <= 300 ? line : `${line.slice(0, 299)}…`
}
