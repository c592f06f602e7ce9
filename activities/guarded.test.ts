import { expect, test } from '@jest/globals'
import type { Effect, Json } from '../dsl/program.ts'
import type { PreparedAction } from './action.ts'
import { oneDisruption, refuseOtherCluster } from './guarded.ts'

const run = (cluster?: string) => ({
  ...{ id: 'r', key: 'k', runbook: 'b', hash: 'h' },
  ...(cluster === undefined ? {} : { cluster }),
})
const prepared: PreparedAction = { run: async () => ({}) }

test.each<[Effect, string | undefined, Json, 'let' | 'refused']>([
  ['read', 'a', 'b', 'let'],
  ['change', 'a', 'a', 'let'],
  ['change', 'a', 'b', 'refused'],
  ['change', undefined, 'b', 'let'],
  ['disrupt', 'a', 'a', 'let'],
  ['disrupt', 'a', 'b', 'refused'],
  ['disrupt', undefined, 'b', 'refused'],
  ['destroy', undefined, 'b', 'refused'],
])('%s in a run with the lock of %s, on %s: %s', (effect, locked, cluster, expected) => {
  const act = () =>
    refuseOtherCluster({ name: 'x', effect }, prepared, { run: run(locked), with: { cluster } })
  if (expected === 'let') act()
  else expect(act).toThrow(expect.objectContaining({ name: 'RefusedError', guard: 'lock' }))
})

test('what goes out of service counts, whatever the input is called', () => {
  const disrupts = { cluster: 'b', host: 'h' }
  const act = () =>
    refuseOtherCluster(
      { name: 'x', effect: 'disrupt' },
      { ...prepared, disrupts },
      { run: run('a'), with: {} },
    )
  expect(act).toThrow(/x was not done on b: the run holds the lock of a/)
})

test('a cluster is disrupted by one step at a time, repeated tries of it included', () => {
  const at = (step: string, file = 'i') => ({
    step,
    run: run('a'),
    inventory: { file, hosts: {}, clusters: {} },
  })
  const first = oneDisruption(at('s1'), 'a')
  const again = oneDisruption(at('s1'), 'a')
  const busy = () => oneDisruption(at('s2'), 'a')
  expect(busy).toThrow(expect.objectContaining({ guard: 'busy' }))
  oneDisruption(at('s2'), 'b')()
  oneDisruption(at('s2', 'another inventory'), 'a')()
  first()
  expect(busy).toThrow(/a is being disrupted already, by the step s1 of the run r/)
  again()
  busy()()
})
