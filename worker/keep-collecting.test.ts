import { expect, test } from '@jest/globals'
import type { Collected } from '../audit/collect/collector.ts'
import { keepCollecting } from './keep-collecting.ts'

const nothing: Collected = { runs: [], failed: [] }
const well = { retentionMs: 1000, endangered: 0 }

/** What is said while these passes happen, one after another. */
async function said(
  passes: readonly (() => Collected)[],
  { warning, anchors = [] }: { warning?: string; anchors?: string[][] } = {},
): Promise<readonly string[]> {
  const lines: string[] = []
  const stop = new AbortController()
  const rest = [...passes]
  await keepCollecting({
    collector: {
      pass: () => {
        const next = rest.shift()
        if (rest.length === 0) stop.abort()
        return (async () => next?.() ?? nothing)()
      },
    },
    publish: () => Promise.resolve(anchors.shift() ?? []),
    retention: () => Promise.resolve({ ...well, ...(warning === undefined ? {} : { warning }) }),
    everyMs: 1,
    say: (line) => lines.push(line),
    signal: stop.signal,
  })
  return lines
}

const away = (): Collected => {
  throw new Error('the database is away')
}
const stuck = (): Collected => ({ runs: [], failed: [{ workflow: 'move-1', why: 'the disk is full.' }] })

test('nothing is said while all goes well', async () => {
  expect(await said([() => nothing, () => ({ ...nothing, runs: ['a'] }), () => nothing])).toEqual([])
})

test('a store that is away for long is told once, however often it is asked, and again the next time', async () => {
  const line = 'Runs that have ended cannot be put on record: the database is away. Trying on.'
  expect(await said([away, away])).toEqual([])
  expect(await said([away, away, away, away, away, () => nothing])).toEqual([line])
  expect(await said([away, away, away, () => nothing, away, away, away, () => nothing])).toEqual([line, line])
})

test('a run that cannot be put on record is named once, until it is', async () => {
  const line = 'move-1 has ended and cannot be put on record: the disk is full. Trying on.'
  expect(await said([stuck, stuck, () => nothing, stuck, () => nothing])).toEqual([line, line])
})

test('it is told when Temporal is about to forget what is not on record', async () => {
  expect(await said([() => nothing, () => nothing], { warning: 'forgets a in 1h' })).toEqual([
    'forgets a in 1h',
  ])
})

test('a place that takes no anchors is told once, until it does', async () => {
  const passes = [() => nothing, () => nothing, () => nothing, () => nothing]
  expect(await said(passes, { anchors: [['no room'], ['no room'], [], ['no room']] })).toEqual([
    'no room',
    'no room',
  ])
})
