import { overrideRisk } from '../dsl/guards.ts'
import type { Json, Step } from '../dsl/program.ts'
import { escaped } from './escaped.ts'
import { StepFailure } from './failure.ts'
import type { Place } from './place.ts'
import type { ActionCall, Approval, Override, OverrideUsed } from './ports.ts'
import type { Direction, Run } from './run.ts'

/** What the start of a run asked for: the guards that a person may override in it, and why. */
export interface OverrideAsked {
  readonly guards: readonly string[]
  readonly reason: string
}

/**
 * Performs an action; where a guard refuses it that the run was started to override, asks for an approval and repeats
 * that one call with it. The next call, a retry of this one too, is guarded as ever. A rollback overrides nothing.
 */
export async function callWithOverrides(
  run: Run,
  direction: Direction,
  { step, place }: { readonly step: Step; readonly place: Place },
  call: ActionCall,
): Promise<Json> {
  const overrides: Override[] = []
  for (;;) {
    try {
      return await run.ports.call(overrides.length === 0 ? call : { ...call, overrides: [...overrides] })
    } catch (error) {
      if (!(error instanceof StepFailure) || direction.undo) throw error
      const { guard } = error
      if (guard === undefined || !mayAsk(run.override, guard, overrides)) throw error
      overrides.push(await approved({ run, direction, step, place, call, guard, refusal: error }))
    }
  }
}

function mayAsk(asked: OverrideAsked | undefined, guard: string, given: readonly Override[]): boolean {
  if (asked === undefined || !asked.guards.includes(guard) || overrideRisk(guard) === undefined) return false
  return !given.some((one) => one.guard === guard)
}

interface Asking {
  readonly run: Run
  readonly direction: Direction
  readonly step: Step
  readonly place: Place
  readonly call: ActionCall
  readonly guard: string
  readonly refusal: StepFailure
}

/** Throws what the guard said when nobody approves. */
async function approved({ run, direction, step, place, call, guard, refusal }: Asking): Promise<Override> {
  const reason = run.override?.reason ?? ''
  const asked = approvalOf(guard, refusal.message, reason)
  const { by, reason: comment } = await direction
    .ask(step, place, call.summary, asked)
    .catch((error: unknown) => {
      if (!(error instanceof StepFailure)) throw error
      throw new StepFailure(
        'refused',
        `${refusal.message} The override of the guard "${guard}" was not approved: ${error.message}.`,
        guard,
      )
    })
  const override = { guard, by, comment, reason }
  const used = { ...override, step: call.step, summary: call.summary, refusal: refusal.message }
  run.memory.keepOverride({ ...used, atMs: run.ports.now() })
  run.outline.mark(place.path, { status: 'running', note: overrideText(override) })
  run.report(direction.phase)
  return override
}

/** Says which guard refused what and why, and what may happen: nobody shall approve what is not said. */
function approvalOf(guard: string, refusal: string, reason: string): Approval {
  const [head, why, end] = [
    `Override the guard "${guard}"?`,
    `If it is overridden: ${overrideRisk(guard) ?? ''}.`,
    'This one call only; the next is guarded as ever.',
  ]
  return {
    message: `${head} It refused: ${refusal}\n${why}\nThe run was started to override it because: ${reason}\n${end}`,
    markdown: [
      `**OVERRIDE OF THE GUARD ${escaped(guard)}**: it refused: ${escaped(refusal, 1500)}`,
      `**${escaped(why, 500)}**`,
      `The run was started to override it because: ${escaped(reason, 1000)}`,
      end,
    ].join('\n\n'),
    overrides: guard,
  }
}

/** `OVERRIDDEN: guard "health", approved by ada: it is only slow` */
export const overrideText = ({ guard, by, comment }: Override): string =>
  `OVERRIDDEN: guard "${guard}", approved by ${by}${comment === '' ? '' : `: ${comment}`}`

/** What a step says that was done in spite of a guard, if it was. */
export function overrideNote(used: readonly OverrideUsed[], path: string): { readonly note?: string } {
  const here = used.filter(({ step }) => step === path)
  return here.length === 0 ? {} : { note: [...new Set(here.map(overrideText))].join('; ') }
}

/** A sentence for a run's end; "" where no guard was overridden. */
export function overridesSaid(used: readonly OverrideUsed[]): string {
  if (used.length === 0) return ''
  return ` Guards overridden: ${used.map((one) => `${one.guard} at "${one.summary}" (approved by ${one.by})`).join('; ')}.`
}
