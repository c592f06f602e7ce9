import { expect, jest, test } from '@jest/globals'
import fc from 'fast-check'
import type { Program, Step } from '../dsl/program.ts'
import { always, forEach, group, parallel, program, rescuedBy, undoneBy, uses } from '../test/replay/build.ts'
import { type Answer, Cut } from '../test/replay/scripted-world.ts'
import { TimedWorld } from '../test/replay/timed-world.ts'
import { interpret } from './interpreter.ts'
import type { RunState } from './ports.ts'
import type { RunEnd } from './run-end.ts'

jest.setTimeout(120_000)

/** Laws of what is done at the same time, whatever takes how long, fails, is decided, and is carried over. */

type Build = ReturnType<typeof uses>

interface Shape {
  readonly kind: 'uses' | 'group' | 'parallel' | 'forEach'
  readonly undo: boolean
  readonly rescue: boolean
  readonly always: boolean
  readonly skippable: boolean
  readonly most: number
  readonly inside: readonly Shape[]
}

const shape = (depth: number): fc.Arbitrary<Shape> =>
  fc.record({
    kind: fc.constantFrom<Shape['kind'][]>(
      'uses',
      ...(depth > 0 ? (['uses', 'group', 'parallel', 'parallel', 'forEach'] as const) : []),
    ),
    undo: fc.boolean(),
    rescue: fc.integer({ min: 0, max: 4 }).map((number) => number === 0),
    always: fc.boolean(),
    skippable: fc.boolean(),
    most: fc.integer({ min: 2, max: 3 }),
    inside: depth > 0 ? fc.array(shape(depth - 1), { minLength: 2, maxLength: 3 }) : fc.constant([]),
  })

/** As a compiler takes it: what stands beside something else has no `always`. */
function built(one: Shape, id: string, beside = false): Build {
  const branches = beside || one.kind === 'parallel' || one.kind === 'forEach'
  const inside = one.inside.map((inner, index) => built(inner, `${id}_${index}`, branches))
  const { skippable } = one
  const own = (): Build => {
    switch (one.kind) {
      case 'uses':
        return uses(id, 'do', {}, { skippable })
      case 'group':
        return group(id, inside)
      case 'parallel':
        return parallel(id, inside)
      case 'forEach':
        return forEach(id, 'inputs.list', inside, { maxParallel: one.most })
    }
  }
  const owner = one.kind === 'uses' && one.undo ? undoneBy(own(), uses(`${id}_undo`, 'undo')) : own()
  const rescued = one.rescue
    ? rescuedBy(owner, undoneBy(uses(`${id}_r`, 'do'), uses(`${id}_ru`, 'undo')))
    : owner
  return one.always && !beside ? always(rescued, uses(`${id}_z`, 'do')) : rescued
}

const programs = fc.array(shape(2), { minLength: 1, maxLength: 3 }).map((shapes) =>
  program(
    'random',
    shapes.map((one, index) => built(one, `s${index}`)),
  ),
)

const fates = fc.array(
  fc.constantFrom<('ok' | 'failed' | 'unknown')[]>('ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'failed', 'unknown'),
  { minLength: 1, maxLength: 40 },
)
const wills = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 20 })
const durations = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 20 })
const cuts = fc
  .array(fc.integer({ min: 1, max: 40 }), { maxLength: 4 })
  .map((all) => all.toSorted((a, b) => a - b))

const hash = (text: string): number =>
  Array.from(text).reduce((sum, character) => (sum * 31 + character.charCodeAt(0)) % 1_000_003, 7)

interface Drawn {
  readonly fate: readonly ('ok' | 'failed' | 'unknown')[]
  readonly will: readonly number[]
  readonly lasts: readonly number[]
  readonly cutAfter: readonly number[]
  readonly cancelAfter?: number
}

const drawn = fc.record({ fate: fates, will: wills, lasts: durations, cutAfter: cuts })

const mostWaits = 10

function worldOf({ fate, will, lasts, cutAfter, cancelAfter }: Drawn): TimedWorld {
  return new TimedWorld({
    cutAfter,
    ...(cancelAfter === undefined ? {} : { cancelAfter }),
    takes: (path) => lasts[hash(path) % lasts.length] ?? 1,
    decide: ({ offers }, number) =>
      number > mostWaits ? 'abort' : (offers[(will[number % will.length] ?? 0) % offers.length] ?? 'abort'),
    answer: (path, attempt): Answer => {
      const one = fate[(hash(path) + attempt) % fate.length] ?? 'ok'
      return one === 'ok' ? { output: {} } : one
    },
  })
}

const inputs = { list: ['a', 'b', 'c', 'd'] }

async function executions(subject: Program, world: TimedWorld): Promise<RunEnd> {
  let state: RunState | undefined
  for (let number = 0; number < 100; number++) {
    try {
      return await interpret(subject, { inputs, run: {} }, world, state)
    } catch (error) {
      if (!(error instanceof Cut)) throw error
      expect(world.busy).toBe(false)
      state = JSON.parse(JSON.stringify(error.state)) as RunState
    }
  }
  throw new Error('The run did not end.')
}

test('what is done once is not done again, and nothing begins between a failure that is asked about and its decision', async () => {
  await fc.assert(
    fc.asyncProperty(programs, drawn, async (subject, draw) => {
      const world = worldOf(draw)
      await executions(subject, world)
      const done = world.log.filter(({ what }) => what === 'done').map(({ path }) => path)
      expect(done.toSorted()).toEqual([...new Set(done)].toSorted())
      const open = new Set<string>()
      let asked = 0
      let asking = false
      for (const { what, path } of world.log) {
        if (what === 'begins') {
          expect([path, asking]).toEqual([path, false])
          open.add(path)
        } else if (what === 'done' || what === 'failed') open.delete(path)
        else {
          asking = what === 'asked'
          if (asking) asked++
          expect([...open]).toEqual([])
        }
      }
      fc.pre(asked > 0)
    }),
    { numRuns: 200, maxSkipsPerRun: 500 },
  )
})

test('a loop never has more iterations under way than it may, and comes to its end', async () => {
  let most = 0
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 2, max: 4 }),
      fc.integer({ min: 0, max: 9 }),
      durations,
      cuts,
      async (max, count, lasts, cutAfter) => {
        const subject = program('loop', [
          forEach('e', 'inputs.list', [uses('a', 'do'), uses('b', 'do')], { maxParallel: max }),
        ])
        const world = new TimedWorld({ cutAfter, takes: (path) => lasts[hash(path) % lasts.length] ?? 1 })
        const list = Array.from({ length: count }, (_, index) => `i${index}`)
        let state: RunState | undefined
        for (;;) {
          try {
            expect(await interpret(subject, { inputs: { list }, run: {} }, world, state)).toEqual({
              kind: 'done',
              outputs: {},
            })
            break
          } catch (error) {
            if (!(error instanceof Cut)) throw error
            state = JSON.parse(JSON.stringify(error.state)) as RunState
          }
        }
        const under = new Map<string, number>()
        for (const { what, path } of world.log) {
          const item = path.slice(0, path.indexOf(']'))
          if (what === 'begins') under.set(item, (under.get(item) ?? 0) + 1)
          if (what === 'done' && path.endsWith('/b')) under.delete(item)
          most = Math.max(most, under.size)
          expect(under.size).toBeLessThanOrEqual(max)
        }
        expect(world.called.toSorted()).toEqual(
          list.flatMap((item) => [`e[${item}]/a`, `e[${item}]/b`]).toSorted(),
        )
      },
    ),
    { numRuns: 150 },
  )
  expect(most).toBe(4)
})

test('a rollback takes back what came to its end, the last one first', async () => {
  await fc.assert(
    fc.asyncProperty(programs, drawn, async (subject, draw) => {
      const world = worldOf(draw)
      const end = await executions(subject, world)
      fc.pre(end.kind === 'rolledBack')
      const last = world.calls.findLastIndex(({ undo, step }) => !undo && !step.includes('/always/'))
      const owners = world.calls
        .slice(last + 1)
        .filter(({ undo }) => undo)
        .map(({ step }) => step.slice(0, step.lastIndexOf('/undo/')))
      const ended = world.log
        .filter(({ what, path }) => what === 'done' && !path.includes('/undo/'))
        .map(({ path }) => path)
      const whole = [...new Set(owners)].filter((path) => ended.includes(path))
      expect(whole).toEqual(
        ended.filter((path) => stepAt(path, subject)?.undo && !path.includes('/always/')).toReversed(),
      )
      // What failed and may have taken effect all the same is taken back as well.
      const tried = world.log.filter(
        ({ what, path }) => what === 'failed' && !path.includes('/undo/') && !path.includes('/always/'),
      )
      for (const { path } of tried)
        if (stepAt(path, subject)?.undo) expect([path, owners.includes(path)]).toEqual([path, true])
      fc.pre(whole.length > 1)
    }),
    { numRuns: 35, maxSkipsPerRun: 500 },
  )
})

test('whatever ends it, also a cancel: what has begun is followed by what is always done after it', async () => {
  await fc.assert(
    fc.asyncProperty(programs, drawn, fc.integer({ min: 1, max: 20 }), async (subject, draw, cancelAfter) => {
      const world = worldOf({ ...draw, cancelAfter })
      const end = await executions(subject, world)
      expect(['cancelled', 'done', 'failed', 'aborted', 'rolledBack']).toContain(end.kind)
      const paths = world.calls.map(({ step }) => step)
      let seen = 0
      for (const path of new Set(paths)) {
        const after = stepAt(path, subject)?.always
        if (!after || path.includes('/always/') || path.includes('/undo/')) continue
        seen++
        expect([
          path,
          paths.lastIndexOf(`${path}/always/${after[0]?.id ?? ''}`) > paths.lastIndexOf(path),
        ]).toEqual([path, true])
      }
      fc.pre(seen > 0)
    }),
    { numRuns: 90, maxSkipsPerRun: 500 },
  )
})

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
