import { ActivityFailure } from '@temporalio/common'
import {
  ActivityCancellationType,
  allHandlersFinished,
  condition,
  scheduleActivity,
  sleep,
} from '@temporalio/workflow'
import { membersIn } from '../dsl/member-sight.ts'
import type { Json, Program } from '../dsl/program.ts'
import { stepFailure } from './activity-failure.ts'
import { RunCancelled } from './failure.ts'
import { interruptible } from './interruptible.ts'
import type { NotifyRequest } from './doors.ts'
import type {
  ActionCall,
  ActionRequest,
  Boundary,
  Decision,
  Notice,
  Ports,
  RunState,
  RunView,
  Told,
  Waiting,
} from './ports.ts'
import type { RunSession } from './run-session.ts'

export interface TemporalPortsOptions {
  readonly session: RunSession
  readonly program: Program
  readonly heartbeatTimeoutMs: number
  readonly historyIsLong: () => boolean
  /** Ends this execution and goes on in a new one: throws. Returns where that is not the moment any more. */
  readonly goOn: (state: RunState) => Promise<void>
}

/** The ports of a run that is a Temporal workflow. */
export class TemporalPorts implements Ports {
  readonly #options: TemporalPortsOptions
  /** Made by this execution: one that made none would only continue as new again. */
  #calls = 0
  /** Not yet ended. */
  #underWay = 0

  constructor(options: TemporalPortsOptions) {
    this.#options = options
  }

  call(call: ActionCall): Promise<Json> {
    return this.#counted(() => this.#call(call))
  }

  async #counted<Value>(work: () => Promise<Value>): Promise<Value> {
    this.#calls++
    this.#underWay++
    try {
      return await work()
    } finally {
      this.#underWay--
    }
  }

  async #call(call: ActionCall): Promise<Json> {
    const isRead = this.#options.program.actions[call.action]?.effect === 'read'
    const schedule = (): Promise<Json> =>
      scheduleActivity<Json>(call.action, [this.#request(call)], this.#activity(call, isRead))
    try {
      const output = await (isRead && call.steadfast !== true
        ? interruptible(this.#options.session, schedule)
        : schedule())
      this.#options.session.saw(membersIn(output))
      return output
    } catch (error) {
      if (error instanceof ActivityFailure) throw stepFailure(error, isRead)
      throw error
    }
  }

  /** Short, and not called off by a cancel: whoever must know is told. */
  tell(notice: Notice): Promise<Told> {
    return this.#counted(() => this.#tell(notice))
  }

  async #tell({ step, summary, text, to }: Notice): Promise<Told> {
    const request: NotifyRequest = {
      run: this.#options.session.identity,
      step,
      text,
      ...(to === undefined ? {} : { to }),
    }
    try {
      return await scheduleActivity<Told>('quorate.notify', [request], { ...notifying, summary })
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error
      return { told: [], failed: [{ channel: 'anybody', reason: stepFailure(error, true).message }] }
    }
  }

  async sleep(ms: number, summary: string, steadfast = false): Promise<void> {
    const timer = (): Promise<void> => sleep(Math.max(1, Math.round(ms)), { summary })
    await this.#counted(() => (steadfast ? timer() : interruptible(this.#options.session, timer)))
  }

  now(): number {
    return Date.now()
  }

  async decide({ approval, failure }: Waiting): Promise<Decision> {
    const { session } = this.#options
    const over = (): boolean => session.decided || session.cancelRequested
    if (approval?.expiresMs === undefined) await condition(over)
    else {
      const leftMs = Math.max(1, Math.round(approval.expiresMs - Date.now()))
      await condition(over, leftMs, { summary: bounded(`${failure.summary}: expires`) })
    }
    const decision = session.takeDecision()
    if (decision) return decision
    if (session.cancelRequested || !approval) throw new RunCancelled()
    throw session.expired(approval)
  }

  goesOn(): boolean {
    return this.#calls > 0 && this.#options.historyIsLong()
  }

  async boundary(state: RunState, before: Boundary, beside = false): Promise<void> {
    const { session, goOn } = this.#options
    session.state = state
    if (before === 'ending') return
    for (;;) {
      await this.#whilePaused()
      if (session.cancelRequested && before === 'always') return
      if (session.cancelRequested) throw new RunCancelled()
      if (beside || !this.goesOn()) return
      await condition(() => allHandlersFinished() && session.written)
      if (!session.paused && !session.cancelRequested) await goOn(state)
    }
  }

  report(view: RunView): void {
    this.#options.session.show(view)
  }

  async #whilePaused(): Promise<void> {
    const { session } = this.#options
    if (!session.paused || session.cancelRequested) return
    // The run stands still only once nothing is under way beside this.
    if (this.#underWay > 0)
      await condition(() => this.#underWay === 0 || !session.paused || session.cancelRequested)
    if (!session.paused || session.cancelRequested) return
    session.stopped(true)
    await condition(() => !session.paused || session.cancelRequested)
    session.stopped(false)
  }

  #request(call: ActionCall): ActionRequest {
    const { step, summary, with: inputs, gate, undo, quorum, timeoutMs, overrides } = call
    return {
      run: this.#options.session.identity,
      step,
      summary,
      with: inputs,
      ...(gate ? { gate } : {}),
      undo,
      quorum,
      timeoutMs,
      ...(overrides ? { overrides } : {}),
    }
  }

  #activity(call: ActionCall, isRead: boolean): Parameters<typeof scheduleActivity>[2] {
    return {
      summary: call.summary,
      startToCloseTimeout: (call.gate?.timeoutMs ?? 0) + call.timeoutMs + graceMs,
      heartbeatTimeout: this.#options.heartbeatTimeoutMs,
      cancellationType: isRead
        ? ActivityCancellationType.TRY_CANCEL
        : ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
      retry: workerDied,
    }
  }
}

const notifying = {
  startToCloseTimeout: '1m',
  retry: { initialInterval: '500ms', maximumAttempts: 3 },
} as const

const bounded = (text: string): string => text.slice(0, 200)

/** The action's own time is up before: the server steps in only when the worker cannot say so any more. */
const graceMs = 15_000

/** Only what no worker reported on is repeated by Temporal; an action that failed is the interpreter's to repeat. */
const workerDied = {
  initialInterval: 200,
  backoffCoefficient: 2,
  maximumInterval: 10_000,
  maximumAttempts: 30,
  nonRetryableErrorTypes: [
    'InputError',
    'RefusedError',
    'ActionError',
    'UnknownOutcomeError',
    'Error',
    'TypeError',
  ],
}
