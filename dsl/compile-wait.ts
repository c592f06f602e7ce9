import { compileTemplate } from './compile-template.ts'
import { complain, type Compiler, type Scope } from './compiler.ts'
import { durationText, parseDuration } from './duration.ts'
import type { Template } from './program.ts'
import type { Body, Site } from './step-site.ts'
import { typeText } from './types.ts'
import { longestWaitMs } from './wait.ts'
import { childOf, type YamlNode } from './yaml-node.ts'

/** A step that lets time pass. */
export function waitBody({ compiler, scope, node }: Site): Body {
  const time = childOf(node, 'wait')
  const waitMs = compileDuration(compiler, scope, time, 'wait')
  if (waitMs?.kind === 'literal' && time !== undefined) checkLength(compiler, time, Number(waitMs.value))
  return {
    own: waitMs === undefined ? undefined : { kind: 'wait', waitMs },
    scope,
    changes: false,
  }
}

function checkLength(compiler: Compiler, { range }: YamlNode, ms: number): void {
  if (ms > 0 && ms <= longestWaitMs) return
  const message = `A wait takes more than nothing and at most ${durationText(longestWaitMs)}.`
  const hint =
    ms > 0 ? 'Its run holds the cluster’s lock meanwhile; start another run then instead.' : undefined
  complain(compiler, range, { code: 'WRONG_VALUE', message, hint })
}

/** A duration, or an expression that gives milliseconds. Nothing when it is neither, which is said. */
export function compileDuration(
  compiler: Compiler,
  scope: Scope,
  node: YamlNode | undefined,
  key: string,
): Template | undefined {
  if (node?.kind !== 'scalar' || typeof node.value !== 'string') return undefined
  const ms = parseDuration(node.value)
  if (ms !== undefined) return { kind: 'literal', value: ms }
  const { template, type } = compileTemplate(compiler, scope, node)
  if (template.kind === 'literal' && type.kind === 'dyn') return undefined
  if (type.kind === 'int' || type.kind === 'dyn') return template
  const message = `"${key}" must be a duration such as 10s, or an expression that gives one; this is ${typeText(type)}.`
  complain(compiler, node.range, { code: 'WRONG_TYPE', message })
  return undefined
}
