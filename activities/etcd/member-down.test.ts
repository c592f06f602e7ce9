import { expect, test } from '@jest/globals'
import type { ServiceFacts } from '../service/proof.ts'
import { type DownFacts, judgeDown } from './member-down.ts'

const stopped: ServiceFacts = {
  service: 'stopped',
  clientPort: 'closed',
  peerPort: 'closed',
  dataDir: 'absent',
}
const facts = (over: Partial<DownFacts> = {}): DownFacts => ({
  ...{ member: 'm2', host: 'h2', answers: false, reachedFrom: [] },
  own: { kind: 'answers', facts: stopped },
  ...over,
})
const silent = { kind: 'silent', why: 'no route to host.' } as const

test.each<[situation: string, facts: DownFacts, down: boolean, why: RegExp]>([
  ['nothing runs on its host', facts(), true, /On h2 nothing of etcd runs\.$/],
  [
    'nothing runs, and its data is there',
    facts({ own: { kind: 'answers', facts: { ...stopped, dataDir: 'closed' } } }),
    true,
    /to start it again may be all it needs/,
  ],
  ['its host is silent too', facts({ own: silent }), true, /h2 does not answer SSH: no route to host\./],
  ['it answers', facts({ answers: true }), false, /m2 answers the worker/],
  [
    'only the worker cannot reach it',
    facts({ own: silent, reachedFrom: ['h1', 'h3'] }),
    false,
    /h1, h3 reach its ports/,
  ],
  [
    'its process runs and does not answer',
    facts({ own: { kind: 'answers', facts: { ...stopped, service: 'running', dataDir: 'open' } } }),
    false,
    /On h2, the service manager says that it runs, a process has its database open/,
  ],
])('%s', (_situation, seen, down, why) => {
  const verdict = judgeDown(seen)
  expect(verdict.down).toBe(down)
  expect(verdict.why).toMatch(why)
})

test('a host that answers can be fenced, and one that does not may run its etcd still', () => {
  expect(judgeDown(facts())).toMatchObject({ sshReachable: true, running: false })
  expect(judgeDown(facts({ own: silent }))).toMatchObject({ sshReachable: false, running: false })
})
