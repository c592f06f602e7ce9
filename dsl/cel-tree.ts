import type { ASTNode } from '@marcbachmann/cel-js'

/** Functions that take a name and an expression over it: `list.filter(m, m.healthy)`. */
const binders: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'map', 'filter', 'sortedBy'])

export function childrenOf(node: ASTNode): readonly ASTNode[] {
  if (node.op === 'value' || node.op === 'id') return []
  if (node.op === '.' || node.op === '.?') return [node.args[0]]
  if (node.op === 'call') return node.args[1]
  if (node.op === 'rcall') return [node.args[1], ...node.args[2]]
  if (node.op === 'map') return node.args.flat()
  return node.op === '!_' || node.op === '-_' ? [node.args] : node.args
}

/** The name that a `filter`, `map` and the like gives to an item; nothing for other nodes. */
export function boundName(node: ASTNode): string | undefined {
  if (node.op !== 'rcall' || !binders.has(node.args[0]) || node.args[2].length < 2) return undefined
  const first = node.args[2][0]
  return first?.op === 'id' ? first.args : undefined
}

export function everyNode(root: ASTNode): readonly ASTNode[] {
  return [root, ...childrenOf(root).flatMap(everyNode)]
}

/** How many of them stand inside one another. */
export function loopDepth(root: ASTNode): number {
  const inner = Math.max(0, ...childrenOf(root).map(loopDepth))
  return boundName(root) === undefined ? inner : inner + 1
}

/** `['steps', 'before', 'members']` for each free variable, as far as names are written with dots. */
export function readsOf(
  root: ASTNode,
  bound: ReadonlySet<string> = new Set(),
): readonly (readonly string[])[] {
  const dotted = dottedPath(root)
  if (dotted !== undefined) return bound.has(dotted[0] ?? '') ? [] : [dotted]
  const name = boundName(root)
  if (root.op !== 'rcall' || name === undefined)
    return childrenOf(root).flatMap((child) => readsOf(child, bound))
  const inside = new Set([...bound, name])
  return [...readsOf(root.args[1], bound), ...root.args[2].flatMap((child) => readsOf(child, inside))]
}

function dottedPath(node: ASTNode): readonly string[] | undefined {
  if (node.op === 'id') return [node.args]
  if (node.op !== '.') return undefined
  const left = dottedPath(node.args[0])
  return left === undefined ? undefined : [...left, node.args[1]]
}
