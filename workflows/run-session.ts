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
import { type Availability, availabilityLines } from '../dsl/availability.ts'
import type { MemberSight, Sight } from '../dsl/member-sight.ts'
import type { Policy } from '../dsl/policy.ts'
import { expired, together } from './approval.ts'
import { checklist } from './checklist.ts'
import type {
  LoadedRun,
  LockHolder,
  ProgramAnswer,
  QueryName,
  RunEvidence,
  RunStatus,
  StateAnswer,
} from './doors.ts'
import type { Noted } from './evidence-entry.ts'
import type { StepFailure } from './failure.ts'
import { type CarriedJournal, Journal } from './journal.ts'
import { tellFleet } from './fleet-phase.ts'
import { nothingYet } from './memory.ts'
import { offered } from './offers.ts'
import type { Approval, Decision, RunIdentity, RunPhase, RunState, RunView, Waiting } from './ports.ts'
import { memoOf } from './run-memo.ts'
import type { Decidable } from './updates.ts'
import { termsOf } from './who-may.ts'

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
  #asked = 0
  #given: readonly Decision[] = []
  readonly journal: Journal
  #toldPhase: RunPhase | undefined
  #sight: Sight | undefined
  #availability: Availability | undefined
  cancelRequested = false
  state: RunState = nothingYet

  constructor(info: WorkflowInfo, startedMs: number, journal?: CarriedJournal) {
    this.#info = info
    this.startedMs = startedMs
    this.journal = new Journal(journal)
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
    answer(
      'evidence',
      'What was asked and decided so far, by whom, refused decisions too.',
      (): RunEvidence => this.#evidence(),
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
    if (this.#stopped && !this.#view.waiting) return 'paused'
    return this.#view.phase
  }

  get waiting(): Waiting | undefined {
    return this.#decision ? undefined : this.#waitingNow
  }

  /** With what is known here and not to the interpreter: who approved so far, and on what terms. */
  get #waitingNow(): Waiting | undefined {
    const { waiting } = this.#view
    if (!waiting) return undefined
    const approval =
      waiting.approval && this.#given.length > 0
        ? { ...waiting.approval, given: this.#given }
        : waiting.approval
    const terms = termsOf({ ...waiting, ...(approval ? { approval } : {}) }, this)
    return {
      ...waiting,
      ...(approval ? { approval } : {}),
      ...(terms.length > 0 ? { terms } : {}),
    }
  }

  get policy(): Policy | undefined {
    return this.#loaded?.policy
  }

  /** Who started it. */
  get requester(): string {
    return this.#loaded?.by ?? ''
  }

  get hash(): string {
    return this.#loaded?.hash ?? ''
  }

  get refused(): number {
    return this.journal.refused
  }

  note(noted: Noted): void {
    this.journal.note(noted, Date.now())
  }

  /** Whether all that has to be on record by now is. */
  get written(): boolean {
    return this.#loaded?.evidence !== true || this.journal.unwritten.length === 0
  }

  cancel(): void {
    if (this.cancelRequested) return
    this.cancelRequested = true
    this.note({ kind: 'cancel' })
  }

  get paused(): boolean {
    return this.#pause !== undefined
  }

  /** Returns how many people more it takes; 0 once it is decided. */
  decide(decision: Decision): number {
    const { approval } = this.#view.waiting ?? {}
    if (decision.kind !== 'approve') {
      this.#decision = decision
      return 0
    }
    this.#given = [...this.#given, decision]
    const missing = (approval?.people ?? 1) - this.#given.length
    if (missing <= 0) this.#decision = together(this.#given)
    else this.#refresh()
    return Math.max(0, missing)
  }

  /** What the step fails with whose approval nobody gave in time. */
  expired(asked: Approval): StepFailure {
    const failure = expired({ ...asked, given: this.#given })
    this.note({ kind: 'expired', ask: this.#asked, message: failure.message })
    return failure
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
    if (view.waiting) this.#noteAsked(view.waiting)
    this.#refresh()
  }

  ended(phase: RunPhase, outcome: string): void {
    const { steps, overrides } = this.#view
    this.#view = { phase, steps, ...(overrides ? { overrides } : {}) }
    this.#outcome = outcome
    this.#refresh()
  }

  /** What a step saw of the members, if it saw any. */
  saw(members: readonly MemberSight[] | undefined): void {
    if (members !== undefined) this.#sight = { atMs: Date.now(), members }
  }

  measured(availability: Availability): void {
    this.#availability = availability
    this.#refresh()
  }

  get availability(): Availability | undefined {
    return this.#availability
  }

  status(): RunStatus {
    return {
      run: this.identity,
      title: this.#title,
      by: this.#loaded?.by ?? '',
      startedMs: this.startedMs,
      inputs: this.#loaded?.inputs ?? {},
      view: this.#viewNow,
      ...this.#plan(),
      ...(this.#pause ? { paused: this.#pause } : {}),
      ...(this.#queuedBehind ? { queuedBehind: this.#queuedBehind } : {}),
      cancelRequested: this.cancelRequested,
      decisions: offered(this),
      ...(this.#sight ? { sight: this.#sight } : {}),
      ...(this.#availability ? { availability: this.#availability } : {}),
    }
  }

  #evidence(): RunEvidence {
    return {
      run: this.identity,
      startedMs: this.startedMs,
      by: this.#loaded?.by ?? '',
      reason: memoOf().reason ?? '',
      entries: this.journal.entries,
      leftOut: this.journal.leftOut,
    }
  }

  #noteAsked({ ask = 0, failure, approval, offers }: Waiting): void {
    if (ask <= this.#asked) return
    this.#asked = ask
    this.#given = []
    this.note({
      kind: 'asked',
      ask,
      step: failure.step,
      summary: failure.summary,
      what: approval ? askedFor(approval) : failure.kind,
      message: (approval?.message ?? failure.message).slice(0, longestMessage),
      ...(approval?.by === undefined ? {} : { by: approval.by }),
      ...(approval?.people === undefined ? {} : { people: approval.people }),
      ...(approval?.notRequester === undefined ? {} : { notRequester: true }),
      ...(approval?.expiresMs === undefined ? {} : { expires: new Date(approval.expiresMs).toISOString() }),
      offers,
    })
  }

  get #viewNow(): RunView {
    const waiting = this.#waitingNow
    return { ...this.#view, ...(waiting ? { waiting } : {}), phase: this.phase }
  }

  #plan(): Pick<RunStatus, 'plan'> {
    const { plan } = memoOf()
    return plan === undefined ? {} : { plan: plan.sha256 }
  }

  get #title(): string {
    return this.#loaded?.program.title ?? this.#info.workflowType
  }

  #refresh(): void {
    setCurrentDetails(
      checklist({
        title: this.#title,
        view: this.#viewNow,
        ...(this.#pause ? { pausedBy: this.#pause.by } : {}),
        ...(this.#queuedBehind ? { queuedBehind: this.#queuedBehind } : {}),
        ...(this.#outcome === undefined ? {} : { outcome: this.#outcome }),
        ...(this.#availability ? { availability: availabilityLines(this.#availability) } : {}),
      }),
    )
    this.#index()
    this.#tell()
  }

  #tell(): void {
    const { fleet } = memoOf()
    if (fleet === undefined || !this.#loaded || this.#toldPhase === this.phase) return
    this.#toldPhase = this.phase
    tellFleet(fleet, { run: this.identity.id, phase: this.phase })
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

const longestMessage = 1000
const longestKeyword = 200

const attributes = {
  cluster: defineSearchAttributeKey('QuorateCluster', SearchAttributeType.KEYWORD),
  runbook: defineSearchAttributeKey('QuorateRunbook', SearchAttributeType.KEYWORD),
  state: defineSearchAttributeKey('QuorateState', SearchAttributeType.KEYWORD),
  by: defineSearchAttributeKey('QuorateBy', SearchAttributeType.KEYWORD),
}

function askedFor({ manual, overrides }: Approval): 'approval' | 'manual' | 'override' {
  if (overrides !== undefined) return 'override'
  return manual ? 'manual' : 'approval'
}
