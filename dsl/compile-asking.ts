import { compileTemplate } from './compile-template.ts'
import { compileDuration } from './compile-wait.ts'
import { complain, type Compiler, type Scope } from './compiler.ts'
import { rolesOf } from './policy.ts'
import type { Template } from './program.ts'
import type { StepSource } from './runbook-schema.ts'
import { withOutputs, type Body, type Site } from './step-site.ts'
import { objectType, text } from './types.ts'
import { childOf, entryOf, type YamlNode } from './yaml-node.ts'

/** The kinds of step that ask people: `approve` for a yes, `manual` for something done by hand. */

/** What `steps.ID` is afterwards. */
const answer = objectType('answer', { by: text, comment: text, at: text })

export function approveBody(site: Site, source: StepSource['approve']): Body {
  const { compiler, scope, node, context } = site
  const entry = entryOf(node, 'approve')
  if (context.undoing && entry !== undefined) {
    const message = 'What takes something back asks nobody: the decision was to roll back.'
    complain(compiler, entry.keyRange, { code: 'STEP_KEY', message })
  }
  const { people, notRequester } = source.approve
  const asking = compileAsking(site, entry?.value, source.approve)
  const own = asking && {
    kind: 'approve' as const,
    ...asking,
    ...(people > 1 ? { people } : {}),
    ...(notRequester ? { notRequester: true as const } : {}),
  }
  return { own, scope: withOutputs(scope, source.id, answer), changes: false }
}

export function manualBody(site: Site, source: StepSource['manual']): Body {
  const { compiler, scope, node } = site
  const map = childOf(node, 'manual')
  const asking = compileAsking(site, map, source.manual)
  const typed = map === undefined ? undefined : childOf(map, 'confirm')
  const own = asking && {
    kind: 'manual' as const,
    ...asking,
    ...(typed === undefined ? {} : { confirm: compileTemplate(compiler, scope, typed).template }),
  }
  return { own, scope: withOutputs(scope, source.id, answer), changes: true }
}

interface Asking {
  readonly message: Template
  readonly by?: readonly string[]
  readonly expiresMs?: Template
}

function compileAsking(
  { compiler, scope }: Site,
  map: YamlNode | undefined,
  { by }: { readonly by?: string | readonly string[] | undefined },
): Asking | undefined {
  const message = map === undefined ? undefined : childOf(map, 'message')
  if (map === undefined || message === undefined) return undefined
  const expiresMs = compileExpiry(compiler, scope, childOf(map, 'expires'))
  return {
    message: compileTemplate(compiler, scope, message).template,
    ...(by === undefined ? {} : { by: rolesOf(by) }),
    ...(expiresMs === undefined ? {} : { expiresMs }),
  }
}

const leastMs = 1000

function compileExpiry(compiler: Compiler, scope: Scope, node: YamlNode | undefined): Template | undefined {
  const expiry = compileDuration(compiler, scope, node, 'expires')
  if (node !== undefined && expiry?.kind === 'literal' && Number(expiry.value) < leastMs) {
    const message = 'Nobody answers so fast; it must be 1s at least.'
    complain(compiler, node.range, { code: 'WRONG_VALUE', message })
  }
  return expiry
}
