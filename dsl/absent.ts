import type { Scope } from './compiler.ts'
import type { ReadStep } from './step-kind.ts'

/** What may be read after a step: less than it gave, when it may not have been done. */
export function scopeAfter(before: Scope, done: Scope, read: ReadStep): Scope {
  const reason = whyAbsent(read)
  return reason === undefined ? done : leaving(before, done, (what) => `${what} may not be there: ${reason}.`)
}

function whyAbsent({ kind, source }: ReadStep): string | undefined {
  const it =
    kind === 'steps' || kind === 'forEach' || kind === 'parallel' ? 'the group it stands in' : 'its step'
  if (source.if !== undefined) return `${it} runs only under an "if"`
  if (source.rescue !== undefined) return `${it} may fail and be rescued`
  if (source.skippable) return `${it} may be skipped`
  return source.onFailure === 'continue' ? `${it} may fail and be passed over` : undefined
}

/** What was added inside is out of scope again, with the reason. Variables that were there before stay. */
export function leaving(before: Scope, after: Scope, reason: (what: string) => string): Scope {
  const steps = Object.keys(after.steps).filter((id) => before.steps[id] === undefined)
  const vars = Object.keys(after.vars).filter((name) => before.vars[name] === undefined)
  const absent = [
    ...steps.map((id): readonly [string, string] => [`steps.${id}`, reason(`What step "${id}" gives`)]),
    ...vars.map((name): readonly [string, string] => [`vars.${name}`, reason(`vars.${name}`)]),
  ]
  return { ...before, absent: { ...before.absent, ...after.absent, ...Object.fromEntries(absent) } }
}
