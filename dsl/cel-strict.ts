import type { ASTNode } from '@marcbachmann/cel-js'

/**
 * CEL lets `failing || true` be true and `exists` pass over items that fail. Here an error never opens a
 * door: operands are looked at from left to right, the right one only when it decides, and whichever fails
 * makes the whole fail. Reaches into cel-js' nodes (8.0.0; `meta` and `setMeta` are not in its types).
 */
export function makeStrict(node: ASTNode): void {
  if (node.op === '||' || node.op === '&&') makeOperatorStrict(node, node.args, node.op === '||')
  const loop = partOf(metaOf(node), 'alternate')
  const settings = partOf(loop, 'args')
  if (partOf(settings, 'kind') === 'quantifier') Reflect.set(Object(settings), 'errorsAreFatal', true)
}

interface Evaluator {
  run(node: ASTNode, context: unknown): unknown
}

function makeOperatorStrict(node: ASTNode, [left, right]: readonly ASTNode[], decisive: boolean): void {
  const setMeta: unknown = partOf(node, 'setMeta')
  if (typeof setMeta !== 'function') throw new Error('cel-js has no node.setMeta any more')
  const evaluate = (evaluator: Evaluator, _node: ASTNode, context: unknown) =>
    boolOf(evaluator, left, context) === decisive ? decisive : boolOf(evaluator, right, context)
  setMeta.call(node, 'evaluate', evaluate)
}

function boolOf(evaluator: Evaluator, node: ASTNode | undefined, context: unknown): boolean {
  const value = node === undefined ? undefined : evaluator.run(node, context)
  if (typeof value === 'boolean') return value
  throw new Error('"||" and "&&" need true or false on both sides')
}

function metaOf(node: ASTNode): unknown {
  return partOf(node, 'meta')
}

function partOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
}
