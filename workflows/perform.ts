import { holds, narrow, render } from '../dsl/expression.ts'
import type {
  ApproveStep,
  AssertStep,
  GateStep,
  Json,
  ManualStep,
  NotifyStep,
  PinnedAction,
  RetrySpec,
  Step,
  Template,
  UsesStep,
  WaitStep,
} from '../dsl/program.ts'
import { approvalOf } from './approval.ts'
import { isEffect } from './effect.ts'
import { StepFailure, worked } from './failure.ts'
import { callWithOverrides } from './override.ts'
import type { Place } from './place.ts'
import type { ActionCall, GateCall } from './ports.ts'
import type { Direction, Run, StepWithBody } from './run.ts'
import { textOf } from './summary.ts'
import { waitMsOf } from './wait.ts'

export type LeafStep = Exclude<Step, StepWithBody | NotifyStep>

const once: RetrySpec = { attempts: 1, intervalMs: 0, backoff: 1 }

/** Performs single steps: what a try is, and when it is tried again. */
export class Performer {
  readonly #run: Run
  readonly #direction: Direction

  constructor(run: Run, direction: Direction) {
    this.#run = run
    this.#direction = direction
  }

  async perform(step: LeafStep, place: Place, summary: string): Promise<Json> {
    switch (step.kind) {
      case 'uses':
        return this.#call(
          { step, place },
          this.#callOf(step, step.uses, place, summary),
          retryOf(step, this.#action(step.uses)),
        )
      case 'gate':
        return this.#gate(step, place, summary)
      case 'assert':
        return assertAll(step, place)
      case 'set':
        return worked(() => rendered(step.set, place))
      case 'approve':
      case 'manual':
        return this.#asked(step, place, summary)
      case 'wait':
        return this.#wait(step, place, summary)
    }
  }

  async #wait(step: WaitStep, place: Place, summary: string): Promise<Json> {
    const ms = worked(() => waitMsOf(step, place.scope.values()))
    this.#run.outline.mark(place.path, { untilMs: this.#run.ports.now() + ms })
    this.#run.report(this.#direction.phase)
    await this.#run.ports.sleep(ms, summary, this.#direction.steadfast)
    return null
  }

  /** As soon as it is asked, somebody may have begun with what is to be done by hand. */
  async #asked(step: ApproveStep | ManualStep, place: Place, summary: string): Promise<Json> {
    const { memory, ports } = this.#run
    const asked = worked(() => approvalOf(step, place.scope.values(), ports.now()))
    if (step.kind === 'manual') memory.keepTried(place.path, 'unknown')
    const { by, reason } = await this.#direction.ask(step, place, summary, asked)
    return { by, comment: reason, at: new Date(ports.now()).toISOString() }
  }

  async #gate(step: GateStep, place: Place, summary: string): Promise<Json> {
    const call = { ...this.#callOf(step, step.gate, place, summary), gate: gateOf(step, place) }
    try {
      return await this.#call({ step, place }, call, step.retry ?? once)
    } catch (error) {
      if (!(error instanceof StepFailure) || !step.else) throw error
      throw new StepFailure(error.kind, `${textOf(step.else, place.scope.values())} (${error.message})`)
    }
  }

  /** Refusals are not tried again: a check does not change its mind by itself, and a gate is there to wait. */
  async #call(
    at: { readonly step: Step; readonly place: Place },
    call: ActionCall,
    retry: RetrySpec,
  ): Promise<Json> {
    let waitMs = retry.intervalMs
    for (let attempt = 1; ; attempt++) {
      try {
        return await callWithOverrides(this.#run, this.#direction, at, call)
      } catch (error) {
        if (!(error instanceof StepFailure)) throw error
        if (error.kind !== 'refused' && isEffect(this.#run.program, at.step))
          this.#run.memory.keepTried(call.step, error.kind)
        if (error.kind === 'refused' || attempt >= retry.attempts) throw error
        await this.#waitForNextTry(call, waitMs, `try ${attempt + 1} of ${retry.attempts}`, error.message)
        waitMs *= retry.backoff
      }
    }
  }

  async #waitForNextTry(call: ActionCall, waitMs: number, next: string, failure: string): Promise<void> {
    this.#run.outline.mark(call.step, { note: `${next} follows: ${failure}` })
    this.#run.report(this.#direction.phase)
    await this.#run.ports.sleep(waitMs, `${call.summary}: ${next}`, this.#direction.steadfast)
  }

  #callOf(step: UsesStep | GateStep, action: string, place: Place, summary: string): ActionCall {
    return {
      action,
      summary,
      step: place.path,
      with: worked(() => rendered(step.with, place)),
      timeoutMs: step.timeoutMs ?? this.#action(action).timeoutMs,
      undo: this.#direction.undo,
      quorum: place.quorum,
      ...(this.#direction.steadfast ? { steadfast: true } : {}),
    }
  }

  #action(name: string): PinnedAction {
    const action = this.#run.program.actions[name]
    if (!action)
      throw new StepFailure('failed', `the program does not say what "${name}" is; compile the runbook again`)
    return action
  }
}

function rendered(
  templates: Readonly<Record<string, Template>>,
  place: Place,
): Readonly<Record<string, Json>> {
  const values = place.scope.values()
  return Object.fromEntries(
    Object.entries(templates).map(([key, template]) => [key, render(template, values)]),
  )
}

function assertAll(step: AssertStep, place: Place): Json {
  const broken = step.assert.find(({ that }) => !worked(() => holds(that, place.scope.values())))
  if (broken) throw new StepFailure('refused', textOf(broken.else, place.scope.values()))
  return null
}

function gateOf(step: GateStep, place: Place): GateCall {
  const stableMs = worked(() => render(step.stableMs, place.scope.values()))
  if (typeof stableMs !== 'number' || !(stableMs >= 0)) {
    throw new StepFailure('failed', `stable needs a duration, not ${JSON.stringify(stableMs)}`)
  }
  const { until, everyMs, gateTimeoutMs: timeoutMs } = step
  const scope = worked(() => narrow(until, place.scope.values()))
  return { until, scope, everyMs, stableMs, timeoutMs }
}

const retryOf = (step: UsesStep, action: PinnedAction): RetrySpec => step.retry ?? action.retry
