import { leaving } from './absent.ts'
import { complain, type Scope } from './compiler.ts'
import type { Effect, Step } from './program.ts'
import type { Body, Site } from './step-site.ts'
import { objectType, text } from './types.ts'
import { entryOf, type YamlEntry } from './yaml-node.ts'

/** The blocks that any step may have for when it fails and for when it is over. */

interface Around {
  readonly rescue?: readonly Step[]
  readonly always?: readonly Step[]
  /** Whether a step that rescues has an effect. */
  readonly changes: boolean
}

/** What `failure` is in a rescue. */
const failure = objectType('failure', { message: text, step: text, summary: text, kind: text })

export function compileAround(site: Site, body: Body, key: string): Around {
  checkCalm(site)
  const { node, context, inside } = site
  const rescue = entryOf(node, 'rescue')
  const always = entryOf(node, 'always')
  for (const entry of [rescue, always]) if (entry !== undefined) checkPlace(site, entry)
  const rescuing =
    rescue && inside(withFailure(site, body), rescue.value, { ...context, prefix: `${key}/rescue/` })
  const closing =
    always &&
    inside(withOutcome(site, body), always.value, { ...context, prefix: `${key}/always/`, calm: 'always' })
  return {
    ...(rescuing === undefined ? {} : { rescue: rescuing.steps }),
    ...(closing === undefined ? {} : { always: closing.steps }),
    changes: rescuing?.changes === true,
  }
}

function withFailure({ scope }: Site, body: Body): Scope {
  const left = leaving(
    scope,
    body.scope,
    (what) => `${what} may not be there: the step that is rescued failed.`,
  )
  return { ...left, locals: { ...left.locals, failure } }
}

function withOutcome({ scope }: Site, body: Body): Scope {
  const left = leaving(
    scope,
    body.scope,
    (what) => `${what} may not be there: the step may not have come so far.`,
  )
  return { ...left, locals: { ...left.locals, outcome: text } }
}

function checkPlace({ compiler, node, context }: Site, { key, keyRange }: YamlEntry): void {
  const message = context.undoing
    ? `What takes something back has no "${key}": when it fails, a person decides.`
    : context.calm === 'always'
      ? `What is always done has no "${key}" of its own: what fails in it is noted, and the rest goes on.`
      : key === 'rescue' && passesOver(node)
        ? 'With "onFailure: continue" the failure is passed over, so there is nothing to rescue.'
        : undefined
  if (message !== undefined) complain(compiler, keyRange, { code: 'STEP_KEY', message })
}

function passesOver(node: Site['node']): boolean {
  const value = entryOf(node, 'onFailure')?.value
  return value?.kind === 'scalar' && value.value === 'continue'
}

/** What stands beside something else: a run asks one thing at a time, and has one way back and one end. */
function checkBeside({ compiler, node, context }: Site): void {
  for (const key of ['approve', 'manual']) {
    const entry = entryOf(node, key)
    const message =
      'Nobody is asked while something else is done at the same time: a run asks one thing at a time.'
    const hint = 'Put it before or after the parallel steps.'
    if (entry !== undefined) complain(compiler, entry.keyRange, { code: 'STEP_KEY', message, hint })
  }
  const always = entryOf(node, 'always')
  if (always !== undefined) {
    const message =
      'Beside other steps nothing has an "always" of its own: it would act while a person is asked about another branch.'
    const hint = 'Put "always" on the parallel steps as a whole.'
    complain(compiler, always.keyRange, { code: 'STEP_KEY', message, hint })
  }
  const noReturn = context.called ? undefined : entryOf(node, 'noReturn')
  const message =
    'Beside other steps there is no point of no return: what is done at the same time stands neither before nor after it.'
  const hint = 'Put the step before or after the parallel steps, or "noReturn" on those as a whole.'
  if (noReturn !== undefined) complain(compiler, noReturn.keyRange, { code: 'NO_RETURN', message, hint })
}

/** What stands in an `always` itself: it is not taken back, and nobody is asked about it. */
function checkCalm(site: Site): void {
  const { compiler, node, context } = site
  if (context.calm === 'parallel') checkBeside(site)
  if (context.calm !== 'always') return
  for (const key of ['approve', 'manual']) {
    const entry = entryOf(node, key)
    const message = 'What is always done asks nobody: the run may be over already.'
    if (entry !== undefined) complain(compiler, entry.keyRange, { code: 'STEP_KEY', message })
  }
  // In a runbook that is called these are its own matter, and left out.
  if (context.called) return
  for (const key of ['undo', 'noReturn', 'onFailure', 'skippable']) {
    const entry = entryOf(node, key)
    if (entry === undefined) continue
    const message = `What is always done has no "${key}": it is not taken back, and nobody is asked when it fails.`
    complain(compiler, entry.keyRange, { code: 'STEP_KEY', message })
  }
}

/** Why an action may not stand here, whatever guards it. */
export function notHere({ context }: Site, name: string, effect: Effect): string | undefined {
  if (context.calm === undefined || (effect !== 'disrupt' && effect !== 'destroy')) return undefined
  return `"${name}" may ${effect} something, and ${places[context.calm]}.`
}

const places = {
  always: 'what is always done must not: it would act after a cancel or a failure, with nobody asked',
  parallel:
    'what is done beside something else must not: two members could be out at once. Do it before or after, or in a forEach without "maxParallel"',
} as const
