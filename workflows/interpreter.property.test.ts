import { expect, jest, test } from '@jest/globals'
import fc from 'fast-check'
import type { CallStep, OnFailure, Program, Step } from '../dsl/program.ts'
import {
  always,
  approve,
  assert,
  call,
  forEach,
  gate,
  group,
  notify,
  program,
  rescuedBy,
  set,
  undoneBy,
  uses,
  wait,
} from '../test/replay/build.ts'
import { type Answer, Cut, type Script, ScriptedWorld } from '../test/replay/scripted-world.ts'
import { interpret } from './interpreter.ts'
import type { RunState } from './ports.ts'
import type { RunEnd } from './run-end.ts'

jest.setTimeout(120_000)

type Build = ReturnType<typeof uses>

interface Shape {
  readonly kind:
    | 'uses'
    | 'look'
    | 'gate'
    | 'assert'
    | 'set'
    | 'group'
    | 'forEach'
    | 'call'
    | 'approve'
    | 'refuse'
    | 'wait'
    | 'notify'
  readonly undo: 'none' | 'one' | 'checked'
  readonly groupUndo: boolean
  readonly rescue: 'none' | 'one' | 'undone' | 'group'
  readonly always: 'none' | 'look' | 'do'
  readonly noReturn: boolean
  readonly skippable: boolean
  readonly onFailure: OnFailure
  readonly when: boolean
  readonly attempts: number
  readonly inside: readonly Shape[]
}

const shape = (depth: number): fc.Arbitrary<Shape> =>
  fc.record({
    kind: fc.constantFrom<Shape['kind'][]>(
      ...([
        'uses',
        'uses',
        'uses',
        'look',
        'gate',
        'assert',
        'set',
        'approve',
        'refuse',
        'wait',
        'notify',
      ] as const),
      ...(depth > 0 ? (['group', 'forEach', 'call'] as const) : []),
    ),
    undo: fc.constantFrom<Shape['undo'][]>('none', 'one', 'one', 'checked'),
    groupUndo: fc.constantFrom(false, false, true),
    rescue: fc.constantFrom<Shape['rescue'][]>('none', 'none', 'none', 'one', 'undone', 'group'),
    always: fc.constantFrom<Shape['always'][]>('none', 'none', 'none', 'look', 'do'),
    noReturn: fc.integer({ min: 0, max: 9 }).map((number) => number === 0),
    skippable: fc.boolean(),
    onFailure: fc.constantFrom<OnFailure[]>('pause', 'pause', 'pause', 'continue', 'rollback', 'fail'),
    when: fc.integer({ min: 0, max: 9 }).map((number) => number > 0),
    attempts: fc.integer({ min: 1, max: 2 }),
    inside: depth > 0 ? fc.array(shape(depth - 1), { maxLength: 3 }) : fc.constant([]),
  })

function built(shapes: readonly Shape[], prefix: string): readonly Build[] {
  return shapes.map((one, index) => around(one, `${prefix}${index}`))
}

function step(one: Shape, id: string): Build {
  const { skippable, onFailure, attempts } = one
  const options = { skippable, onFailure, ...(one.when ? {} : { if: 'inputs.no' }) }
  const retry = { retry: { attempts, intervalMs: 1, backoff: 1 } }
  const noReturn = one.noReturn ? { noReturn: `${id} was crossed` } : {}
  switch (one.kind) {
    case 'uses':
      return uses(id, 'do', {}, { ...options, ...retry, ...noReturn })
    case 'look':
      return uses(id, 'look.at', {}, { ...options, ...retry })
    case 'gate':
      return gate(id, 'look.at', 'gate.ok', { ...options, ...noReturn })
    case 'assert':
      return assert(id, 'inputs.yes', 'no', options)
    case 'refuse':
      return assert(id, 'inputs.no', 'no', options)
    case 'set':
      return set(id, { [id]: '${{ inputs.yes }}' }, options)
    case 'approve':
      return approve(id, 'go on with ${{ inputs.yes }}?', options)
    case 'wait':
      return wait(id, 5, options)
    case 'notify':
      return notify(id, 'yes is ${{ inputs.yes }}', { skippable, ...(one.when ? {} : { if: 'inputs.no' }) })
    case 'group':
      return group(id, built(one.inside, `${id}_`), options)
    case 'forEach':
      return forEach(id, 'inputs.list', built(one.inside, `${id}_`), options)
    case 'call':
      return call(id, callable, built(one.inside, `${id}_`), { ...options, callee })
  }
}

/** What the steps of all shapes read, under the same names in the runbook that is called. */
const callable = { yes: '${{ inputs.yes }}', no: '${{ inputs.no }}', list: '${{ inputs.list }}' }
const callee: Partial<CallStep> = {
  inputs: {
    yes: { type: 'boolean', description: '', required: true },
    no: { type: 'boolean', description: '', required: true },
    list: { type: 'list', description: '', required: true },
  },
}

function around(one: Shape, id: string): Build {
  const owner = withUndo(one, step(one, id), id)
  const rescues = one.rescue !== 'none' && one.onFailure !== 'continue' && one.kind !== 'notify'
  const rescued = rescues ? rescuedBy(owner, uses(`${id}_q`, 'look.at'), rescue(one, `${id}_r`)) : owner
  if (one.always === 'none') return rescued
  const action = one.always === 'look' ? 'look.at' : 'do'
  return always(rescued, uses(`${id}_y`, action, {}, { retry }), group(`${id}_g`, [uses(`${id}_z`, action)]))
}

function rescue({ rescue: kind }: Shape, id: string): Build {
  if (kind === 'group') return group(`${id}g`, [uses(id, 'do')])
  return kind === 'one' ? uses(id, 'do') : undoneBy(uses(id, 'do'), uses(`${id}_undo`, 'undo'))
}

const retry = { attempts: 2, intervalMs: 1, backoff: 1 }

function withUndo(one: Shape, owner: Build, id: string): Build {
  const hasBody = one.kind === 'group' || one.kind === 'forEach' || one.kind === 'call'
  if (hasBody ? !one.groupUndo : one.kind !== 'uses' || one.noReturn || one.undo === 'none') return owner
  const undo = uses(`${id}_undo`, 'undo', {}, { skippable: one.skippable })
  return one.undo === 'checked'
    ? undoneBy(owner, uses(`${id}_same`, 'look.same'), undo)
    : undoneBy(owner, undo)
}

const programs = fc
  .array(shape(2), { minLength: 1, maxLength: 5 })
  .map((shapes) => program('random', built(shapes, 's')))

/** What each try comes to, taken by the hash of the step and the number of the try. */
const fates = fc.array(
  fc.constantFrom<('ok' | Exclude<Answer, object>)[]>('ok', 'ok', 'ok', 'ok', 'failed', 'unknown', 'refused'),
  { minLength: 1, maxLength: 40 },
)
const wills = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 20 })

const inputs = { yes: true, no: false, list: ['x', 'y'] }
const mostWaits = 12
const mostExecutions = 2000

class RandomWorld extends ScriptedWorld {
  constructor(fate: readonly ('ok' | Exclude<Answer, object>)[], will: readonly number[], at?: Script['at']) {
    super({
      decide: ({ offers }, number) => {
        if (number > mostWaits) return offers.includes('abort') ? 'abort' : 'reject'
        return offers[(will[number % will.length] ?? 0) % offers.length] ?? 'abort'
      },
      answer: (path, attempt) => {
        const drawn = fate[(hash(path) + attempt) % fate.length] ?? 'ok'
        return drawn === 'ok' ? { output: {} } : drawn
      },
      ...(at ? { at } : {}),
    })
  }
}

const hash = (text: string): number =>
  Array.from(text).reduce((sum, character) => (sum * 31 + character.charCodeAt(0)) % 1_000_003, 7)

/** Runs to the end over as many executions as it takes, each from the state the last one left, as JSON. */
async function executions(subject: Program, world: ScriptedWorld): Promise<RunEnd> {
  let state: RunState | undefined
  for (let number = 0; number < mostExecutions; number++) {
    try {
      return await interpret(subject, { inputs, run: {} }, world, state)
    } catch (error) {
      if (!(error instanceof Cut)) throw error
      state = JSON.parse(JSON.stringify(error.state)) as RunState
    }
  }
  throw new Error(`The run did not end within ${mostExecutions} executions.`)
}

const effects = (world: ScriptedWorld): readonly string[] =>
  world.calls.map(({ step: path, undo, summary }) => `${undo ? 'undo ' : ''}${path} ${summary}`)

const asked = (world: ScriptedWorld): readonly string[] =>
  world.waits.map((waiting) => JSON.stringify({ ...waiting, sinceMs: 0 }))

test('a run that is cut at any one boundary goes on as if it had not been cut', async () => {
  await fc.assert(
    fc.asyncProperty(programs, fates, wills, fc.nat(), async (subject, fate, will, where) => {
      const whole = new RandomWorld(fate, will)
      const end = await executions(subject, whole)
      const boundary = 1 + (where % Math.max(1, whole.boundaries))
      const cut = new RandomWorld(fate, will, (number) => (number === boundary ? 'cut' : 'go'))
      expect(await executions(subject, cut)).toEqual(end)
      expect(effects(cut)).toEqual(effects(whole))
      expect(asked(cut)).toEqual(asked(whole))
    }),
    { numRuns: 1000 },
  )
})

test('so does a run that is cut at every boundary', async () => {
  await fc.assert(
    fc.asyncProperty(programs, fates, wills, async (subject, fate, will) => {
      const whole = new RandomWorld(fate, will)
      const end = await executions(subject, whole)
      const cut = new RandomWorld(fate, will, (number) => (number % 2 === 1 ? 'cut' : 'go'))
      expect(await executions(subject, cut)).toEqual(end)
      expect(effects(cut)).toEqual(effects(whole))
      expect(cut.views.at(-1)?.steps.map(({ step: path, status }) => [path, status])).toEqual(
        whole.views.at(-1)?.steps.map(({ step: path, status }) => [path, status]),
      )
    }),
    { numRuns: 1000 },
  )
})

test('a rollback takes back what was done since the last point of no return, newest first', async () => {
  await fc.assert(
    fc.asyncProperty(programs, fates, wills, async (subject, fate, will) => {
      const world = new RandomWorld(fate, will)
      const end = await executions(subject, world)
      fc.pre(end.kind === 'rolledBack') // one in some thirty; only these count as runs
      expect(takenBack(world, subject)).toEqual(expected(world, subject))
    }),
    { numRuns: 120, maxSkipsPerRun: 500 },
  )
})

test('whatever becomes of a step that has begun, what is always done after it is done', async () => {
  await fc.assert(
    fc.asyncProperty(programs, fates, wills, fc.nat(), async (subject, fate, will, when) => {
      const world = new RandomWorld(fate, will, (number) => (number === 1 + (when % 40) ? 'cancel' : 'go'))
      await executions(subject, world)
      const paths = world.calls.map(({ step: path }) => path)
      let seen = 0
      for (const path of new Set(paths)) {
        const after = stepAt(path, subject)?.always
        if (!after || path.includes('/always/') || path.includes('/undo/')) continue
        seen++
        const first = paths.lastIndexOf(`${path}/always/${after[0]?.id ?? ''}`)
        expect([path, first > paths.lastIndexOf(path)]).toEqual([path, true])
      }
      fc.pre(seen > 0)
    }),
    { numRuns: 320, maxSkipsPerRun: 500 },
  )
})

/** Owners of the undo steps that were performed in the final rollback, in their order. */
function takenBack(world: ScriptedWorld, subject: Program): readonly string[] {
  const last = world.calls.findLastIndex(({ undo, step: path }) => !undo && !path.includes('/always/'))
  const owners = world.calls
    .slice(last + 1)
    .filter(({ undo }) => undo)
    .map(({ step: path }) => path.slice(0, path.lastIndexOf('/undo/')))
  return owners.filter((path, index) => !hasBody(path, subject) && owners.indexOf(path) === index)
}

/** Worked out from the log alone: who was performed (or perhaps), in the order of their last try. */
function expected(world: ScriptedWorld, subject: Program): readonly string[] {
  const forward = world.calls.filter(({ undo }) => !undo)
  const touched = new Map<string, 'done' | 'half' | 'unknown'>()
  const log: string[] = []
  for (const call of forward) {
    const answer = world.answered(call)
    const before = touched.get(call.step)
    log.splice(0, log.length, ...log.filter((path) => path !== call.step), call.step)
    if (typeof answer !== 'string') touched.set(call.step, 'done')
    else if (answer === 'unknown') touched.set(call.step, 'unknown')
    else if (answer === 'failed' && before !== 'unknown') touched.set(call.step, 'half')
  }
  const crossed = log.findLastIndex((path) => crosses(path, touched.get(path), subject))
  return log
    .slice(crossed + 1)
    .filter((path) => touched.has(path) && stepAt(path, subject)?.undo)
    .toReversed()
}

const crosses = (path: string, how: string | undefined, subject: Program): boolean => {
  const found = stepAt(path, subject)
  return found?.noReturn !== undefined && (how === 'done' || (how === 'unknown' && found.kind === 'uses'))
}

const hasBody = (path: string, subject: Program): boolean => {
  const kind = stepAt(path, subject)?.kind
  return kind === 'steps' || kind === 'forEach' || kind === 'call'
}

function stepAt(path: string, { steps }: Program): Step | undefined {
  const key = path.replace(/\[[^\]]*\]/g, '')
  const all = (list: readonly Step[]): readonly Step[] =>
    list.flatMap((one) => [
      one,
      ...all('steps' in one ? one.steps : []),
      ...all(one.rescue ?? []),
      ...all(one.always ?? []),
    ])
  return all(steps).find((one) => one.key === key)
}
