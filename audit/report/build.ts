import { availabilityIn } from '../../dsl/availability.ts'
import type { AuditEvent } from '../event.ts'
import type { Store, Verification } from '../store.ts'
import { answerOf, type Ends } from './answer.ts'
import { attemptsCollector, type Limits, momentOf, shownOf } from './attempts.ts'
import { commandLine, commandText, compact } from './lines.ts'
import { clusterCollector } from './cluster.ts'
import type {
  Bypassed,
  Call,
  GuardReport,
  HistoryReport,
  Repeated,
  Report,
  StepReport,
  Try,
  Unfinished,
} from './model.ts'
import { peopleCollector } from './people.ts'
import { troublesOf } from './troubles.ts'

/** As much as anybody reads in a file; the JSON has all of it. */
export const readable: Limits = { steps: 2000, calls: 5000 }

/** Nothing is left out. */
export const everything: Limits = { steps: Infinity, calls: Infinity }

/** The report on a run of the store; undefined when nothing is on record of it. Throws `StoreError`. */
export async function readReport(
  store: Pick<Store, 'events'>,
  run: string,
  { verification, limits }: { readonly verification?: Verification; readonly limits?: Limits } = {},
): Promise<Report | undefined> {
  const builder = reportBuilder(limits)
  for await (const { event } of store.events(run)) builder.add(event)
  return builder.report(verification)
}

/** Takes a run's events one by one, in their order, and makes the report of them. */
export function reportBuilder(limits: Limits = everything) {
  const attempts = attemptsCollector(limits)
  const people = peopleCollector()
  const cluster = clusterCollector()
  const guards: GuardReport[] = []
  const bypassed: Bypassed[] = []
  const repeated: Repeated[] = []
  let history: HistoryReport | undefined
  let ends: Ends | undefined
  let events = 0

  function add(event: AuditEvent): void {
    events += 1
    const atMs = momentOf(event)
    const step = event.step ?? ''
    ends ??= { run: event.run, workflow: event.workflow, firstMs: atMs, lastMs: atMs, cancelAsked: false }
    ends.lastMs = Math.max(ends.lastMs, atMs)
    attempts.add(event)
    // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- the collectors above have the rest
    switch (event.name) {
      case 'run.began':
      case 'run.refused':
        ends.began ??= event.data
        return
      case 'run.ended':
        ends.ended = event.data
        return
      case 'run.cancelAsked':
        ends.cancelAsked = true
        return
      case 'run.planned':
        ends.plan = event.data.plan
        return
      case 'run.measured':
        ends.measured = event.data.availability
        return
      case 'action.begun':
        if ((event.attempt ?? 1) > 1) repeated.push({ atMs, step, attempt: event.attempt ?? 1 })
        return
      case 'action.done':
      case 'action.found':
        cluster.add(event.data.output, atMs, step)
        return
      case 'action.refused':
        if (event.data.guard !== undefined)
          guards.push({ atMs, step, verdict: 'refused', guard: event.data.guard, said: event.data.message })
        return
      case 'guard.passed':
        guards.push({ atMs, step, verdict: 'passed', said: compact(event.data.asked) })
        return
      case 'guard.overridden': {
        const { refusal, ...rest } = event.data
        guards.push({ atMs, step, verdict: 'overridden', said: refusal, ...rest })
        return
      }
      case 'person.asked':
      case 'person.decided':
      case 'person.refused':
      case 'person.unanswered':
        people.add(event)
        return
      case 'history.copied':
        history = event.data
        return
      case 'record.bypassed':
        bypassed.push({ atMs, ...event.data })
        return
      default:
    }
  }

  return {
    add,
    /** Undefined when there was no event. */
    report(verification?: Verification): Report | undefined {
      if (ends === undefined) return undefined
      const all = attempts.all()
      const steps = shownOf(all, limits.steps)
      const decisions = people.all()
      const change = cluster.change()
      const availability = availabilityIn({ availability: ends.ended?.availability ?? ends.measured })
      return {
        v: 1,
        answer: answerOf(ends, all, availability),
        troubles: troublesOf(all, decisions, ends.ended?.outcome),
        steps,
        stepsLeftOut: all.length - steps.length,
        decisions,
        guards,
        margin: cluster.margin(),
        ...(change === undefined ? {} : { cluster: change }),
        unfinished: unfinishedIn(all),
        bypassed,
        repeated,
        ...(history === undefined ? {} : { history }),
        counts: { events, ...attempts.counts },
        ...(verification === undefined ? {} : { verification }),
      }
    },
  }
}

/** A later attempt that ended the same command, or attached to the same job, has told how that ended. */
function unfinishedIn(steps: readonly StepReport[]): readonly Unfinished[] {
  return steps.flatMap(({ step, action, tries }) =>
    tries.flatMap(({ status, seq, startedMs: atMs, host, calls }, at) => [
      ...(status === 'unfinished' ? [{ seq, atMs, step, ...on(host), what: action }] : []),
      ...calls
        .filter((call) => call.status === 'unfinished' && !tries.slice(at + 1).some(endOf(call)))
        .map((call) => ({
          seq: call.seq,
          atMs: call.startedMs,
          step,
          ...on(call.host),
          what: commandLine(call),
        })),
    ]),
  )
}

const on = (host: string | undefined) => (host === undefined ? {} : { host })

const endOf =
  (call: Call) =>
  ({ calls }: Try): boolean =>
    calls.some(
      (other) =>
        other.host === call.host && other.status !== 'unfinished' && commandText(other) === commandText(call),
    )
