import { describe, expect, test } from '@jest/globals'
import { Rejected } from './errors.ts'
import { newRunId, pickRun } from './run-id.ts'

describe('a new run id', () => {
  test('names the runbook and the cluster, and ends in letters of its own', () => {
    const ids = Array.from({ length: 200 }, () => newRunId('etcd-migrate-node', 'demo'))
    ids.forEach((id) => expect(id).toMatch(/^etcd-migrate-node-demo-[b-z]{5}$/))
    expect(new Set(ids).size).toBeGreaterThan(190)
  })
})

const open = (id: string) => ({ id, open: true })
const over = (id: string) => ({ id, open: false })

describe('which run is meant', () => {
  const rows = [
    { why: 'nothing said, one open', text: undefined, runs: [over('a-1'), open('a-2')], picked: 'a-2' },
    { why: 'the whole id', text: 'a-1', runs: [open('a-1'), open('a-11')], picked: 'a-1' },
    { why: 'a part only one has', text: '11', runs: [open('a-1'), open('a-11')], picked: 'a-11' },
    {
      why: 'a part an open and a closed one have',
      text: 'a-',
      runs: [over('a-1'), open('a-2')],
      picked: 'a-2',
    },
  ]
  test.each(rows)('$why', ({ text, runs, picked }) => {
    expect(pickRun(text, runs)).toBe(picked)
  })

  const unclear = [
    { why: 'nothing said, none open', text: undefined, runs: [over('a-1')], says: /^There is no open run/ },
    {
      why: 'nothing said, several open',
      text: undefined,
      runs: [open('a-1'), open('a-2')],
      says: /a-1, a-2/,
    },
    {
      why: 'a part several have',
      text: 'a-',
      runs: [over('a-1'), over('a-2')],
      says: /Several fit: a-1, a-2\.$/,
    },
    { why: 'a part none has', text: 'zzz', runs: [over('a-1')], says: /^There is no run "zzz"/ },
  ]
  test.each(unclear)('is not guessed: $why', ({ text, runs, says }) => {
    expect(() => pickRun(text, runs)).toThrow(Rejected)
    expect(() => pickRun(text, runs)).toThrow(says)
  })
})
