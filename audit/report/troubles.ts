import type { RunOutcome } from '../event.ts'
import type { DecisionReport, StepReport, Trouble, Try } from './model.ts'

type Bad = Trouble['status']

const isBad = (status: Try['status']): status is Bad =>
  status === 'failed' || status === 'unknown' || status === 'refused' || status === 'unfinished'

/**
 * Tries that did not succeed, with what was decided about each and what became of the step. The one the run
 * ended with comes first; there is none in a run that came to its end, or has not ended. What is under way in one
 * that has not is no failure.
 */
export function troublesOf(
  steps: readonly StepReport[],
  decisions: readonly DecisionReport[],
  outcome: RunOutcome | undefined,
): readonly Trouble[] {
  const all = steps
    .flatMap((step) =>
      step.tries.flatMap((one, at) =>
        isBad(one.status) && !(outcome === undefined && one.status === 'unfinished')
          ? [trouble(step, one, one.status, step.tries[at + 1])]
          : [],
      ),
    )
    .toSorted((a, b) => a.atMs - b.atMs)
    .map((one, at, { [at + 1]: next }) => withDecision(one, next, decisions))
  const last =
    outcome === undefined || outcome === 'done' ? undefined : all.findLast(({ later }) => later === undefined)
  if (last === undefined) return all
  return [{ ...last, last: true }, ...all.filter((one) => one !== last)]
}

function trouble(
  { step, summary, action }: StepReport,
  one: Try,
  status: Bad,
  next: Try | undefined,
): Trouble {
  const { message, host, startedMs, endedMs } = one
  return {
    ...{ step, action, last: false },
    ...(summary === undefined ? {} : { summary }),
    ...(host === undefined ? {} : { host }),
    status,
    atMs: endedMs ?? startedMs,
    message: message ?? 'It is on record as begun, and no end of it is.',
    ...(next === undefined ? {} : { later: next.status }),
  }
}

/** The first accepted decision about that step from then on, before its next failure. */
function withDecision(
  one: Trouble,
  next: Trouble | undefined,
  decisions: readonly DecisionReport[],
): Trouble {
  const until = next?.step === one.step ? next.atMs : Infinity
  const answer = decisions
    .filter(({ step }) => step !== undefined && (one.step === step || one.step.startsWith(`${step}/`)))
    .flatMap(({ answers }) => answers)
    .find(({ accepted, atMs }) => accepted && atMs >= one.atMs && atMs <= until)
  if (answer === undefined) return one
  const said = answer.comment === '' ? '' : `: ${answer.comment}`
  return { ...one, decided: `${answer.decision} by ${answer.by}${said}` }
}
