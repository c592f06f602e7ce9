import { compileTemplate } from './compile-template.ts'
import { complain } from './compiler.ts'
import type { Template } from './program.ts'
import type { Body, Site } from './step-site.ts'
import { typeText } from './types.ts'
import { childOf, entryOf } from './yaml-node.ts'

/** A step that tells people something. */
export function notifyBody({ compiler, scope, node, ...site }: Site): Body {
  const said = childOf(node, 'notify')
  const message = said === undefined ? undefined : childOf(said, 'message')
  const to = compileTo({ compiler, scope, node, ...site })
  const failing = entryOf(node, 'onFailure')
  if (failing !== undefined) {
    const text = 'A notice never fails a run: one that is not delivered is noted, and the run goes on.'
    complain(compiler, failing.keyRange, { code: 'STEP_KEY', message: text })
  }
  return {
    own:
      message === undefined
        ? undefined
        : {
            kind: 'notify',
            message: compileTemplate(compiler, scope, message).template,
            ...(to === undefined ? {} : { to }),
          },
    scope,
    changes: false,
  }
}

function compileTo({ compiler, scope, node }: Site): Template | undefined {
  const said = childOf(node, 'notify')
  const to = said === undefined ? undefined : childOf(said, 'to')
  if (to === undefined) return undefined
  const { template, type, broken } = compileTemplate(compiler, scope, to)
  const fits =
    type.kind === 'dyn' || (type.kind === 'list' && (type.of.kind === 'string' || type.of.kind === 'dyn'))
  if (!fits && broken !== true) {
    const message = `"to" takes a list of the names of channels, but this is ${typeText(type)}.`
    complain(compiler, to.range, { code: 'WRONG_TYPE', message })
  }
  return template
}
