import { plainOf, titleOf } from './page-text.ts'
import type { Program, Step } from './program.ts'

/** A runbook's flow for Mermaid: one node a step, groups and loops as boxes. */
export function diagramOf({ steps, actions }: Program): string {
  const lines: string[] = []
  const walk = new Walk(actions, lines)
  const last = walk.list(steps, ['begin'], '  ')
  return ['flowchart TD', '  begin([start])', ...lines, ...edges(last, 'done', '  '), '  done([done])'].join(
    '\n',
  )
}

/** Writes nodes and edges as it goes through the steps. */
class Walk {
  readonly #actions: Program['actions']
  readonly #lines: string[]
  #count = 0

  constructor(actions: Program['actions'], lines: string[]) {
    this.#actions = actions
    this.#lines = lines
  }

  /** Returns the nodes from which it goes on. */
  list(steps: readonly Step[], before: readonly string[], indent: string): readonly string[] {
    return steps.reduce((from, step) => this.#step(step, from, indent), before)
  }

  #step(step: Step, before: readonly string[], indent: string): readonly string[] {
    const id = `s${++this.#count}`
    const label = text(titleOf(step, this.#actions, plainOf))
    const box = step.kind === 'steps' || step.kind === 'forEach' || step.kind === 'parallel'
    const inside = box && step.steps.length > 0
    const after = inside
      ? this.#box(step, id, label, before, indent)
      : this.#node(step, id, label, before, indent)
    const over = this.#around(step, id, after, indent)
    const passed = step.if === undefined ? over : [...over, ...before]
    return step.noReturn === undefined ? passed : [this.#border(id, passed, indent)]
  }

  #node(step: Step, id: string, label: string, before: readonly string[], indent: string): readonly string[] {
    const [open, close] = this.#shape(step)
    const back = step.undo === undefined ? '' : ' ↩'
    this.#lines.push(
      `${indent}${id}${open}"${label}${back}"${close}`,
      ...edges(before, id, indent, conditionOf(step)),
    )
    return [id]
  }

  #box(
    step: Extract<Step, { readonly steps: readonly Step[] }>,
    id: string,
    label: string,
    before: readonly string[],
    indent: string,
  ): readonly string[] {
    this.#lines.push(`${indent}subgraph ${id}["${label}"]`, `${indent}  direction TB`)
    const after =
      step.kind === 'parallel'
        ? step.steps.flatMap((branch) => this.list([branch], [], `${indent}  `))
        : this.list(step.steps, [], `${indent}  `)
    this.#lines.push(`${indent}end`, ...edges(before, id, indent, conditionOf(step)))
    return after.length === 0 ? before : [id]
  }

  /** What rescues it beside it, what is always done after it. */
  #around(step: Step, id: string, after: readonly string[], indent: string): readonly string[] {
    const rescued = step.rescue ? [...after, this.#block(step.rescue, `${id}r`, 'rescue', indent)] : after
    if (step.rescue) this.#lines.push(`${indent}${id} -.->|"if it fails"| ${id}r`)
    if (!step.always) return rescued
    const always = this.#block(step.always, `${id}a`, 'always', indent)
    this.#lines.push(...edges(rescued, always, indent))
    return [always]
  }

  #block(steps: readonly Step[], id: string, label: string, indent: string): string {
    this.#lines.push(`${indent}subgraph ${id}["${label}"]`, `${indent}  direction TB`)
    this.list(steps, [], `${indent}  `)
    this.#lines.push(`${indent}end`)
    return id
  }

  #border(id: string, before: readonly string[], indent: string): string {
    const border = `${id}x`
    this.#lines.push(`${indent}${border}{{"point of no return"}}`, ...edges(before, border, indent))
    return border
  }

  #shape(step: Step): readonly [string, string] {
    switch (step.kind) {
      case 'uses': {
        const effect = this.#actions[step.uses]?.effect
        return effect === 'read' ? ['[', ']'] : effect === 'change' ? ['(', ')'] : ['[[', ']]']
      }
      case 'gate':
      case 'assert':
        return ['{', '}']
      case 'approve':
        return ['[/', '/]']
      case 'wait':
      case 'notify':
        return ['([', '])']
      case 'manual':
        return ['[\\', '/]']
      case 'call':
        return ['[[', ']]']
      case 'set':
      case 'forEach':
      case 'parallel':
      case 'steps':
        return ['[', ']']
    }
  }
}

const conditionOf = (step: Step): string | undefined => (step.if === undefined ? undefined : step.if.source)

function edges(from: readonly string[], to: string, indent: string, condition?: string): readonly string[] {
  const label = condition === undefined ? '' : `|"if ${text(condition)}"|`
  return [...new Set(from)].map((node) => `${indent}${node} -->${label} ${to}`)
}

const longest = 64

/** Safe between quotation marks in Mermaid. */
function text(label: string): string {
  const line = label.replace(/\s+/g, ' ').trim()
  const cut = line.length <= longest ? line : `${line.slice(0, longest - 1)}…`
  return cut.replace(/["#<>`&]/g, (character) => `#${character.charCodeAt(0)};`)
}
