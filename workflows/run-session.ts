import {
  defineSearchAttributeKey,
  type SearchAttributeUpdatePair,
  SearchAttributeType,
} from '@temporalio/common'
import {
  defineQuery,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  type WorkflowInfo,
} from '@temporalio/workflow'
import { checklist } from './checklist.ts'
import type { LoadedRun, LockHolder, ProgramAnswer, QueryName, RunStatus, StateAnswer } from './doors.ts'
import { nothingYet } from './memory.ts'
import type { Decision, RunIdentity, RunPhase, RunState, RunView, Waiting } from './ports.ts'
import type { Decidable } from './updates.ts'

type Pause = NonNullable<RunStatus['paused']>

/** How one run stands: what the workflow, its updates and its queries all look at. */
export class RunSession implements Decidable {
  readonly #info: WorkflowInfo
  readonly startedMs: number
  #loaded: LoadedRun | undefined
  #cluster: string | undefined
  #view: RunView = { phase: 'starting', steps: [] }
  #pause: Pause | undefined
  #stopped = false
  #decision: Decision | undefined
  #queuedBehind: LockHolder | undefined
  #outcome: string | undefined
  #shownPhase: RunPhase | undefined
  cancelRequested = false
  state: RunState = nothingYet

  constructor(info: WorkflowInfo, startedMs: number) {
    this.#info = info
    this.startedMs = startedMs
  }

  openQueries(): void {
    answer('status', 'How the run stands: its steps, what it waits for, who asked for it.', (): RunStatus =>
      this.status(),
    )
    answer('program', 'The program this run has pinned.', (): ProgramAnswer => this.#loaded?.program ?? null)
    answer(
      'state',
      'The results so far, as of the last boundary between two steps.',
      (): StateAnswer => this.state,
    )
  }

  loaded(loaded: LoadedRun, cluster: string | undefined): void {
    this.#loaded = loaded
    this.#cluster = cluster
    this.#refresh()
  }

  get identity(): RunIdentity {
    const { workflowId: id, firstExecutionRunId: key, workflowType: runbook } = this.#info
    const cluster = this.#cluster === undefined ? {} : { cluster: this.#cluster }
    return { id, key, runbook, hash: this.#loaded?.hash ?? '', ...cluster }
  }

  get phase(): RunPhase {
    if (this.#queuedBehind) return 'queued'
    if (this.#stopped) return 'paused'
    return this.#view.phase
  }

  get waiting(): Waiting | undefined {
    return this.#decision ? undefined : this.#view.waiting
  }

  get paused(): boolean {
    return this.#pause !== undefined
  }

  decide(decision: Decision): void {
    this.#decision = decision
  }

  takeDecision(): Decision | undefined {
    const decision = this.#decision
    this.#decision = undefined
    return decision
  }

  get decided(): boolean {
    return this.#decision !== undefined
  }

  pause(by: string, reason: string): void {
    this.#pause = { by, reason, sinceMs: Date.now() }
    this.#refresh()
  }

  resume(): void {
    this.#pause = undefined
    this.#refresh()
  }

  /** Between two steps of a paused run. */
  stopped(stopped: boolean): void {
    this.#stopped = stopped
    this.#refresh()
  }

  queued(behind: LockHolder | undefined): void {
    this.#queuedBehind = behind
    this.#refresh()
  }

  show(view: RunView): void {
    this.#view = view
    this.#refresh()
  }

  ended(phase: RunPhase, outcome: string): void {
    this.#view = { phase, steps: this.#view.steps }
    this.#outcome = outcome
    this.#refresh()
  }

  status(): RunStatus {
    return {
      run: this.identity,
      title: this.#title,
      by: this.#loaded?.by ?? '',
      startedMs: this.startedMs,
      inputs: this.#loaded?.inputs ?? {},
      view: { ...this.#view, phase: this.phase },
      ...(this.#pause ? { paused: this.#pause } : {}),
      ...(this.#queuedBehind ? { queuedBehind: this.#queuedBehind } : {}),
      cancelRequested: this.cancelRequested,
    }
  }

  get #title(): string {
    return this.#loaded?.program.title ?? this.#info.workflowType
  }

  #refresh(): void {
    setCurrentDetails(
      checklist({
        title: this.#title,
        view: { ...this.#view, phase: this.phase },
        ...(this.#pause ? { pausedBy: this.#pause.by } : {}),
        ...(this.#queuedBehind ? { queuedBehind: this.#queuedBehind } : {}),
        ...(this.#outcome === undefined ? {} : { outcome: this.#outcome }),
      }),
    )
    this.#index()
  }

  /** Search attributes the server does not know would fail the task, again and again. */
  #index(): void {
    if (!this.#loaded?.attributes || this.#shownPhase === this.phase) return
    const first = this.#shownPhase === undefined
    this.#shownPhase = this.phase
    const state = { key: attributes.state, value: this.phase }
    upsertSearchAttributes(first ? [state, ...this.#whose(this.#loaded)] : [state])
  }

  #whose({ by }: LoadedRun): readonly SearchAttributeUpdatePair[] {
    return [
      { key: attributes.runbook, value: this.#info.workflowType },
      { key: attributes.by, value: by.slice(0, longestKeyword) },
      ...(this.#cluster === undefined ? [] : [{ key: attributes.cluster, value: this.#cluster }]),
    ]
  }
}

function answer(name: QueryName, description: string, handler: () => unknown): void {
  setHandler(defineQuery<unknown>(name), handler, { description })
}

const longestKeyword = 200

const attributes = {
  cluster: defineSearchAttributeKey('QuorateCluster', SearchAttributeType.KEYWORD),
  runbook: defineSearchAttributeKey('QuorateRunbook', SearchAttributeType.KEYWORD),
  state: defineSearchAttributeKey('QuorateState', SearchAttributeType.KEYWORD),
  by: defineSearchAttributeKey('QuorateBy', SearchAttributeType.KEYWORD),
}
