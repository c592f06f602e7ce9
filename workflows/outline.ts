import type { Step } from '../dsl/program.ts'
import { foreseenCallee } from './callee.ts'
import { type Iteration, type Place, placeOf } from './place.ts'
import type { StepView } from './ports.ts'

export type Summarise = (step: Step, place: Place) => string

interface Node {
  view: StepView
  children: readonly Node[]
}

/**
 * All steps of a run as a person sees them: in document order, those not yet run included. The iterations
 * of a loop take the place of its body once they are known; undo steps hang below the step they take back.
 */
export class Outline {
  readonly #nodes = new Map<string, Node>()
  readonly #top: readonly Node[]
  readonly #summarise: Summarise

  constructor(steps: readonly Step[], around: Place, summarise: Summarise) {
    this.#summarise = summarise
    this.#top = this.#nodesOf(steps, around, 0)
  }

  mark(path: string, change: Partial<Omit<StepView, 'step' | 'depth'>>): void {
    const node = this.#nodes.get(path)
    if (node) node.view = { ...node.view, ...change }
  }

  summary(path: string): string {
    return this.#nodes.get(path)?.view.summary ?? path
  }

  unfold(path: string, bodies: readonly Iteration[], steps: readonly Step[]): void {
    const node = this.#nodes.get(path)
    if (!node) return
    const depth = node.view.depth + 1
    node.children = bodies.map((body) => {
      const header = this.#node(body.path, body.label, depth)
      header.children = this.#nodesOf(steps, body, depth + 1)
      return header
    })
  }

  /** Says anew what is in a called runbook, once it is known what that is given. */
  refill(path: string, callee: Place, steps: readonly Step[]): void {
    const node = this.#nodes.get(path)
    if (node) node.children = this.#nodesOf(steps, callee, node.view.depth + 1)
  }

  /** Adds lines below a step. */
  hang(path: string, steps: readonly Step[], around: Place): void {
    const node = this.#nodes.get(path)
    if (node) node.children = [...node.children, ...this.#nodesOf(steps, around, node.view.depth + 1)]
  }

  /** Adds lines below a step, under a line of their own. */
  hangBelow(path: string, label: string, steps: readonly Step[], around: Place): void {
    const node = this.#nodes.get(path)
    if (!node || node.children.some(({ view }) => view.step === around.path)) return
    const header = this.#node(around.path, label, node.view.depth + 1)
    header.view = { ...header.view, status: 'running' }
    header.children = this.#nodesOf(steps, around, node.view.depth + 2)
    node.children = [...node.children, header]
  }

  /** Takes away what was hung below a step. */
  unhang(path: string, steps: readonly Step[], around: Place): void {
    const node = this.#nodes.get(path)
    if (!node) return
    const hung = new Set(steps.map((step) => placeOf(step, around).path))
    node.children = node.children.filter((child) => !hung.has(child.view.step))
  }

  views(): readonly StepView[] {
    return this.#top.flatMap(flat)
  }

  #nodesOf(steps: readonly Step[], around: Place, depth: number): readonly Node[] {
    return steps.map((step) => {
      const place = placeOf(step, around)
      const node = this.#node(place.path, this.#summarise(step, place), depth)
      const body = step.kind === 'call' ? foreseenCallee(step, place) : place
      if ('steps' in step) node.children = this.#nodesOf(step.steps, body, depth + 1)
      return node
    })
  }

  #node(path: string, summary: string, depth: number): Node {
    const node: Node = { view: { step: path, summary, status: 'pending', depth }, children: [] }
    this.#nodes.set(path, node)
    return node
  }
}

const flat = (node: Node): readonly StepView[] => [node.view, ...node.children.flatMap(flat)]
