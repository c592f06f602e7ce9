import { expect, test } from '@jest/globals'
import { whatDiffers } from './fingerprint.ts'
import type { Fingerprint, FingerprintMember } from './plan.ts'

const member = (name: string, change: Partial<FingerprintMember> = {}): FingerprintMember => ({
  ...{ name, id: `id-${name}`, host: `on-${name}`, peerUrls: [`http://${name}:2380`], learner: false },
  ...{ answers: true, version: '3.6.1', ...change },
})
const planned: Fingerprint = {
  ...{ clusterId: 'c1', alarms: [], downgradeTo: '', inventory: 'i1' },
  members: [member('a'), member('b')],
}
const withMembers = (...members: readonly FingerprintMember[]): Fingerprint => ({ ...planned, members })

test.each<[string, Fingerprint, readonly string[]]>([
  ['nothing', planned, []],
  ['another cluster', { ...planned, clusterId: 'c2' }, ['the cluster ID was c1 and is c2']],
  ['one more', withMembers(member('a'), member('b'), member('c')), ['c was added']],
  ['one less', withMembers(member('a')), ['b is gone']],
  [
    'one is silent',
    withMembers(member('a'), member('b', { answers: false, version: '' })),
    ['b was answering and is silent'],
  ],
  ['one moved', withMembers(member('a'), member('b', { host: 'h9' })), ['the host of b was on-b and is h9']],
  [
    'another version',
    withMembers(member('a', { version: '3.6.2' }), member('b')),
    ['the version of a was 3.6.1 and is 3.6.2'],
  ],
  [
    'a voter now',
    withMembers(member('a', { learner: true }), member('b')),
    ['a was a voter and is a learner'],
  ],
  ['an alarm', { ...planned, alarms: ['NOSPACE on a'] }, ['the list of alarms was none and is NOSPACE on a']],
  ['the inventory', { ...planned, inventory: 'i2' }, ['the inventory says something else of the cluster']],
])('%s', (_what, now, differences) => {
  expect(whatDiffers(planned, now)).toEqual(differences)
})
