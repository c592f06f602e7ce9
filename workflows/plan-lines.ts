import type { GateStep, Json, Program, Step, UsesStep } from '../dsl/program.ts'
import type { ClusterModel } from '../dsl/cluster-model.ts'
import { type Place, undoPlace } from './place.ts'
import type { Condition, PlannedStep, PlanPorts, Verdict } from './plan.ts'
import type { Doubt, Doubts } from './plan-knowledge.ts'
import type { PlanNotes } from './plan-notes.ts'
import { markOf } from './plan-said.ts'
import type { ActionCall, FailureKind } from './ports.ts'
import type { Given } from './scope.ts'
import { summaryOf, textOf } from './summary.ts'

export interface PlanStart {
  readonly program: Program
  readonly given: Given
  readonly ports: PlanPorts
  /** What the cluster is like now, where it could be asked. */
  readonly model?: ClusterModel
  /** The cluster whose lock a run would hold. */
  readonly locked?: string
}

/** Where the planner is, and what is doubtful there. */
export interface Around {
  readonly place: Place
  readonly doubts: Doubts
  readonly depth: number
  readonly happens: 'yes' | 'perhaps'
  /** A failure here is rescued, so it is not the end. */
  readonly rescued?: true
}

/** The run would go no further. */
export class WouldEnd extends Error {
  readonly verdict: Verdict

  constructor(verdict: Verdict) {
    super(verdict.kind)
    this.verdict = verdict
  }
}

export type Said = Omit<PlannedStep, 'step' | 'kind' | 'summary' | 'depth' | 'happens' | 'if'>
/** Writes what a plan says of a step, and knows what a run would have changed by then. */
export class PlanLines {
  readonly start: PlanStart
  readonly notes: PlanNotes
  /** Summary of the last effect that a run would have had by now. */
  #effect: string | undefined

  constructor(start: PlanStart, notes: PlanNotes) {
    this.start = start
    this.notes = notes
  }

  changed(summary: string): void {
    this.#effect = summary
  }

  changedOnce(summary: string): void {
    this.#effect ??= summary
  }

  /** The step would not succeed. Before anything is changed that is the end; later it may come otherwise. */
  fails(
    step: Step,
    here: Around,
    { kind, message }: { readonly kind: FailureKind; readonly message: string },
    condition?: Condition,
    about: Partial<Said> = {},
    certain = true,
  ): void {
    const summary = this.summary(step, here)
    const ends = certain && this.surely(here) && step.onFailure !== 'continue' && !here.rescued
    const doubt = ends ? undefined : this.later()
    this.push(step, here, { ...about, ...markOf(doubt), said: message }, condition)
    this.give(step, here, null, {
      kind: 'unknown',
      because: `“${summary}” does not succeed as things are now`,
    })
    if (ends) {
      throw new WouldEnd({ kind: 'refused', step: here.place.path, summary, why: message })
    }
    if (step.onFailure !== 'continue' && kind !== 'unknown')
      this.notes.open(
        `Whether “${summary}” succeeds then: as things are now it does not (${message.replace(/\.$/, '')}).`,
      )
  }

  push(
    step: Step,
    here: Around,
    said: Said,
    condition: Condition | undefined,
    happens: PlannedStep['happens'] = here.happens,
  ): void {
    this.notes.add({
      ...{
        step: here.place.path,
        kind: step.kind,
        summary: this.summary(step, here),
        depth: here.depth,
        happens,
      },
      ...(condition === undefined ? {} : { if: condition }),
      ...said,
    })
  }

  give(step: Step, { place, doubts }: Around, output: Json, doubt: Doubt | undefined): void {
    if (step.id === undefined) return
    if (doubt?.kind !== 'unknown') place.scope.setOutput(step.id, output)
    doubts.set(`steps.${step.id}`, doubt)
  }

  summary(step: Step, here: Around): string {
    return summaryOf(step, this.start.program.actions, known(here).values)
  }

  /** How it is taken back, or why it cannot be any more. */
  back(step: Step, here: Around): Pick<PlannedStep, 'undo' | 'noReturn'> {
    const { values } = known(here)
    const { actions } = this.start.program
    if (step.noReturn !== undefined && step.kind !== 'uses') {
      const why = textOf(step.noReturn, values)
      this.notes.noReturn.push({ step: here.place.path, summary: this.summary(step, here), why })
    }
    return {
      ...(step.undo === undefined
        ? {}
        : {
            undo: step.undo
              .filter(({ kind }) => kind !== 'assert' && kind !== 'set')
              .map((one) =>
                summaryOf(one, actions, {
                  ...values,
                  ...undoPlace(step, here.place).scope.values(),
                  ...values,
                }),
              ),
          }),
      ...(step.noReturn === undefined ? {} : { noReturn: textOf(step.noReturn, values) }),
    }
  }

  done(step: Step, here: Around, summary: string): void {
    this.#effect = summary
    if (step.noReturn === undefined) return
    const why = textOf(step.noReturn, known(here).values)
    this.notes.noReturn.push({ step: here.place.path, summary, why })
  }

  /** Whether a run would surely come here with nothing changed. */
  surely({ happens }: Around): boolean {
    return happens === 'yes' && this.#effect === undefined
  }

  later(): Doubt | undefined {
    return this.#effect === undefined
      ? undefined
      : { kind: 'now', because: `“${this.#effect}” is done before` }
  }

  isRead(action: string): boolean {
    return this.start.program.actions[action]?.effect === 'read'
  }

  callOf(
    step: UsesStep | GateStep,
    action: string,
    input: Readonly<Record<string, Json>>,
    here: Around,
  ): ActionCall {
    return {
      ...{ action, summary: this.summary(step, here), step: here.place.path, with: input },
      ...{ timeoutMs: step.timeoutMs ?? this.start.program.actions[action]?.timeoutMs ?? 60_000 },
      ...{ undo: false, quorum: here.place.quorum },
    }
  }
}

/** What expressions see there, without what is not known. */
export const known = ({ place, doubts }: Around) => ({ doubts, values: doubts.without(place.scope.values()) })
