import {
  type ClusterModel,
  differencesOf,
  type ModelStanding,
  sameModel,
  standingOf,
} from '../dsl/cluster-model.ts'
import type { Membership, Plan, PlannedStep } from './plan.ts'

/** What a planner has found out so far: the steps in order, what becomes of the cluster, and what stays open. */
export class PlanNotes {
  readonly steps: PlannedStep[] = []
  readonly approvals: Plan['approvals'][number][] = []
  readonly noReturn: Plan['noReturn'][number][] = []
  readonly #report: (steps: readonly PlannedStep[]) => void
  readonly #before: ClusterModel | undefined
  readonly #open = new Set<string>()
  readonly #unsure = new Set<string>()
  /** Summaries of steps that begin only after what the steps before them do. */
  readonly #later = new Set<string>()
  #model: ClusterModel | undefined
  #lowest: Membership['lowest'] | undefined

  constructor(model: ClusterModel | undefined, report: (steps: readonly PlannedStep[]) => void) {
    this.#before = model
    this.#model = model
    this.#lowest = model && standingOf(model)
    this.#report = report
  }

  get model(): ClusterModel | undefined {
    return this.#model
  }

  add(step: PlannedStep): void {
    this.steps.push(step)
    this.#report(this.steps)
  }

  /** A sentence. */
  open(text: string): void {
    this.#open.add(text)
  }

  beginsLater(summary: string): void {
    this.#later.add(summary)
  }

  /** Why the cluster may become otherwise, as a clause. */
  unsure(why: string): void {
    this.#unsure.add(why)
  }

  /** Returns how many members can fail from now on, where that is another number than before. */
  follow(model: ClusterModel | undefined, step: string, summary: string): ModelStanding | undefined {
    if (model === undefined || this.#model === undefined) return undefined
    const [was, standing] = [standingOf(this.#model), standingOf(model)]
    this.#model = model
    if (was.margin === standing.margin && was.up === standing.up && was.voters === standing.voters)
      return undefined
    if (this.#lowest === undefined || standing.margin < this.#lowest.margin)
      this.#lowest = { ...standing, step, summary }
    return standing
  }

  /** What was followed may not happen at all. */
  mayDiffer(before: ClusterModel | undefined, summary: string): void {
    if (before !== undefined && this.#model !== undefined && !sameModel(before, this.#model))
      this.unsure(`whether “${summary}” is done is not known yet`)
  }

  all(): Pick<Plan, 'steps' | 'approvals' | 'noReturn' | 'open' | 'membership'> {
    const membership = this.#membership()
    return {
      ...{ steps: this.steps, approvals: this.approvals, noReturn: this.noReturn },
      open: [...this.#open, ...this.#begunLater()],
      ...(membership === undefined ? {} : { membership }),
    }
  }

  #begunLater(): readonly string[] {
    const names = [...this.#later].map((name) => `“${name}”`)
    if (names.length === 0) return []
    const which = names.length === 1 ? 'is' : 'are'
    return [
      `What of ${names.join(', ')} ${which} to be run: that begins with what the steps before leave, and is not possible as things are now.`,
    ]
  }

  #membership(): Membership | undefined {
    if (this.#before === undefined || this.#model === undefined || this.#lowest === undefined)
      return undefined
    return {
      before: this.#before,
      after: this.#model,
      differences: differencesOf(this.#before, this.#model),
      standing: standingOf(this.#before),
      lowest: this.#lowest,
      unsure: [...this.#unsure],
    }
  }
}
