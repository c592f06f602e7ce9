import { complain, type Compiler, type Scope } from './compiler.ts'
import type { Body, Site, StepsContext } from './step-site.ts'
import { childOf, type YamlEntry, type YamlNode } from './yaml-node.ts'

/** Steps at the same time: each sees what was there before, and none what another one gives meanwhile. */

export function parallelBody({ scope, node, context, inside }: Site, key: string): Body {
  const list = childOf(node, 'parallel')
  const items = list?.kind === 'list' ? list.items : []
  const given = items.map(givenIn)
  const branches = items.map((item, index) => {
    const beside = Object.assign({}, ...given.filter((_, other) => other !== index))
    const own = { ...scope, absent: { ...scope.absent, ...beside } }
    const branch: YamlNode = { kind: 'list', range: item.range, items: [item] }
    const inner = inside(own, branch, besideOthers(context, scope, `${key}/`), index)
    return { ...inner, absent: endingWith(scope, inner.scope, beside) }
  })
  const after: Scope = {
    ...scope,
    steps: Object.assign({}, scope.steps, ...branches.map((branch) => branch.scope.steps)),
    absent: Object.assign({}, scope.absent, ...branches.map(({ absent }) => absent)),
  }
  const steps = branches.flatMap((branch) => branch.steps)
  return { own: { kind: 'parallel', steps }, scope: after, changes: branches.some(({ changes }) => changes) }
}

/** Where steps stand beside which others are under way. */
export const besideOthers = (context: StepsContext, { vars }: Scope, prefix: string): StepsContext => ({
  ...context,
  prefix,
  calm: context.calm ?? 'parallel',
  fixed: new Set(Object.keys(vars)),
})

type Absent = Record<string, string>

/** What another branch gives, with why it cannot be read. */
function givenIn(step: YamlNode): Absent {
  const id = childOf(step, 'id')
  const set = childOf(step, 'set')
  const lists = ['steps', 'parallel', 'rescue', 'always'].map((inner) => childOf(step, inner))
  const below = lists.flatMap((list) => (list?.kind === 'list' ? list.items.map(givenIn) : []))
  const own: Absent = {}
  if (id?.kind === 'scalar' && typeof id.value === 'string')
    own[`steps.${id.value}`] =
      `Step "${id.value}" is done at the same time, in another branch; what it gives can be read after the parallel step.`
  if (set?.kind === 'map')
    for (const { key } of set.entries)
      own[`vars.${key}`] = `vars.${key} is set at the same time, in another branch.`
  return Object.assign(own, ...below)
}

/** What is not to be read after a branch; what was said of the others in it holds no more. */
function endingWith(before: Scope, after: Scope, beside: Absent): Absent {
  const vars = Object.keys(after.vars).filter((name) => before.vars[name] === undefined)
  return {
    ...Object.fromEntries(Object.entries(after.absent).filter(([name]) => beside[name] === undefined)),
    ...Object.fromEntries(
      vars.map((name) => [
        `vars.${name}`,
        `vars.${name} is set in a branch of a parallel step, and ends with it.`,
      ]),
    ),
  }
}

/** A variable of all would be whatever was set last. */
export function checkNotFixed(
  compiler: Compiler,
  { fixed }: StepsContext,
  entries: readonly YamlEntry[],
): void {
  for (const { key, keyRange } of entries) {
    if (fixed?.has(key) !== true) continue
    const message = `vars.${key} is there before; it cannot be set again beside other steps, which see it too.`
    const hint = 'Use another name: what is set in a branch ends with it. Or set it after the parallel steps.'
    complain(compiler, keyRange, { code: 'NAME_TAKEN', message, hint })
  }
}
