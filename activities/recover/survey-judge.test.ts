import { expect, test } from '@jest/globals'
import { noBackup } from '../backup/view.ts'
import { seatsFor } from './plan.ts'
import { judgeSurvey } from './survey-judge.ts'
import type { HostView, Survey } from './survey-view.ts'

const host = (name: string, over: Partial<HostView> = {}): HostView => ({
  ...{
    host: name,
    member: `m-${name}`,
    reachable: true,
    why: '',
    service: 'stopped',
    answers: false,
    data: 'there',
  },
  ...{
    open: false,
    readable: true,
    owner: 'etcd:etcd',
    path: '/d',
    memberId: name,
    clusterId: 'c',
    term: 2,
    index: 100,
  },
  ...{
    commit: 100,
    revision: 50,
    totalKey: 1,
    hash: '',
    dbSizeBytes: 1,
    etcdVersion: '3.6.16',
    aside: [],
    ...over,
  },
})
const gone = (name: string): HostView =>
  host(name, {
    ...{
      reachable: false,
      readable: false,
      data: 'unknown',
      clusterId: '',
      memberId: '',
      term: 0,
      index: 0,
      revision: 0,
    },
    why: `${name} cannot be asked`,
  })
const backup = {
  ...noBackup,
  host: 'h4',
  path: '/b/x.db',
  clusterId: 'c',
  revision: 40,
  takenAt: '2026-01-01T00:00:00Z',
}

function judged(hosts: readonly HostView[], over: { backup?: typeof backup; lost?: boolean } = {}): Survey {
  const newestBackup = over.backup ?? noBackup
  const { lost = true } = over
  return judgeSurvey({
    ...{ lost, why: lost ? 'Nobody leads.' : 'm-a leads.', hosts, newestBackup, unknown: [] },
    backups: over.backup ? [over.backup] : [],
  })
}

test('enough members have their data: they are to be started, and nothing is lost', () => {
  const seen = judged([host('a'), host('b'), gone('c')])
  expect(seen.recommend).toBe('start')
  expect(seen.because).toMatch(/a, b have their data, and 2 of 3 members make a quorum/)
})

test('one of three is left: it is newer than the backup, and what only the others had is said by name', () => {
  const seen = judged([host('a'), gone('b'), gone('c')], { backup })
  expect(seen).toMatchObject({ recommend: 'survivor', knownRevision: 50, unreachable: ['b', 'c'] })
  expect(seen.survivor).toMatchObject({ possible: true, host: 'a', revision: 50 })
  expect(seen.survivor.loses).toMatch(/What only b and c had acknowledged/)
  expect(seen.snapshot.loses).toMatch(
    /after revision 40, taken at 2026-01-01T00:00:00Z: 10 revisions up to .* \(50\)/,
  )
})

test.each<[string, readonly HostView[], string]>([
  [
    'a later term goes before a higher index',
    [host('a', { term: 3, index: 90 }), host('b', { index: 200 })],
    'a',
  ],
  ['of one term the higher index', [host('a', { index: 99 }), host('b', { index: 101 })], 'b'],
  ['a spare is no member', [host('a', { index: 1 }), host('b', { member: '', index: 500 })], 'a'],
  [
    'what cannot be read is no choice',
    [host('a', { index: 1 }), host('b', { readable: false, index: 500 })],
    'a',
  ],
  [
    'data of another cluster is no choice',
    [host('a'), host('x', { clusterId: 'other', index: 900 }), host('y', { member: '' })],
    'a',
  ],
])('the survivor: %s', (_what, hosts, expected) => {
  expect(judged(hosts).survivor.host).toBe(expected)
})

test('what the best survivor lacks of another’s log is counted', () => {
  const seen = judged([
    host('a', { term: 3, index: 90 }),
    host('b', { index: 200 }),
    gone('c'),
    gone('d'),
    gone('e'),
  ])
  expect(seen.survivor.loses).toMatch(
    /The last 110 entries of the log: it ends at index 90, and another goes to 200/,
  )
})

test('a backup that is newer than all data that is left is recommended', () => {
  const newer = { ...backup, revision: 60 }
  expect(judged([host('a'), gone('b'), gone('c')], { backup: newer }).recommend).toBe('snapshot')
})

test('a member that runs without a leader is a survivor, and goes before an older backup', () => {
  const running = host('a', { readable: false, answers: true, why: 'etcd runs on a.' })
  const seen = judged([running, gone('b'), gone('c')], { backup })
  expect(seen).toMatchObject({ recommend: 'survivor', survivor: { possible: true, host: 'a', revision: 50 } })
})

test('where data cannot be read, it is said that more than what was counted may be lost', () => {
  const broken = host('b', { readable: false, revision: 0, why: 'The database in /d on b cannot be read.' })
  const seen = judged([broken, gone('c'), host('d', { data: 'none', revision: 0 })], { backup })
  expect(seen.unread).toEqual(['b', 'c'])
  expect(seen.snapshot.loses).toMatch(/ What b and c had cannot be read: it may be more\.$/)
})

test('a backup of another cluster says that it cannot tell what is lost', () => {
  const other = { ...backup, clusterId: 'former' }
  const { snapshot } = judged([host('a'), gone('b'), gone('c')], { backup: other })
  expect(snapshot.loses).toMatch(
    /it is of cluster former, while the data directories are of c, so how much that is cannot be told/,
  )
})

test.each<[string, readonly HostView[], { backup?: typeof backup; lost?: boolean }, string, RegExp]>([
  ['nothing is left', [gone('a'), gone('b'), gone('c')], {}, 'none', /Neither a data directory/],
  [
    'only a backup is left',
    [gone('a'), gone('b'), gone('c')],
    { backup },
    'snapshot',
    /No data directory can be used/,
  ],
  ['the quorum lives', [host('a'), host('b')], { lost: false }, 'none', /The quorum is not lost: m-a leads/],
])('%s', (_what, hosts, over, recommend, because) => {
  const seen = judged(hosts, over)
  expect(seen.recommend).toBe(recommend)
  expect(seen.because).toMatch(because)
})

test.each<[string, readonly string[], readonly string[], readonly string[], readonly string[]]>([
  ['all answer', [], ['h4'], ['m1:h1', 'm2:h2', 'm3:h3'], []],
  ['one is dead, a spare takes its place', ['h2'], ['h4'], ['m1:h1', 'm2:h4', 'm3:h3'], []],
  ['a dead spare takes nobody’s place', ['h2', 'h4'], ['h4'], ['m1:h1', 'm3:h3'], ['m2']],
  ['all are dead and there is one spare', ['h1', 'h2', 'h3'], ['h4'], ['m1:h4'], ['m2', 'm3']],
])('seats: %s', (_what, unreachable, spares, expected, left) => {
  const planned = seatsFor({ members: { m1: 'h1', m2: 'h2', m3: 'h3' }, spares }, unreachable)
  expect(planned.seats.map(({ member, host: on }) => `${member}:${on}`)).toEqual(expected)
  expect(planned.left).toEqual(left)
})
