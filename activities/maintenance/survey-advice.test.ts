import { expect, test } from '@jest/globals'
import { adviceFor } from './survey-advice.ts'
import { down, type Sample, sampleSurvey, silent } from './survey-sample.ts'

const MiB = 2 ** 20
const GiB = 2 ** 30
const all = (to: string): string[] =>
  ['h1', 'h2', 'h3', 'h4'].filter((from) => from !== to).map((from) => `${from}>${to}`)
const ending = (days: number) => ({
  certificates: [{ path: '/pki/peer.crt', endsAt: '2026-12-01T10:00:00.000Z', days }],
})
const leaderless = {
  member: { 'etcd-1': { isLeader: false, healthy: false }, 'etcd-2': down, 'etcd-3': down },
}

/** What is seen, and the runbook and words of each advice, in order. */
test.each<[string, Sample, readonly (readonly [runbook: string, words: RegExp])[]]>([
  ['all is well', {}, [['', /^demo is as it should be: there is nothing to do\.$/]]],

  // The quorum.
  [
    'the quorum is lost, and the hosts with it',
    { ...leaderless, host: { h2: silent, h3: silent } },
    [
      [
        'etcd-recover',
        /^The quorum of demo is lost \(2 of 3 voters are needed\).* etcd-recover looks at all that is left/,
      ],
    ],
  ],
  [
    'the quorum is lost because etcd was stopped: to be started again, nothing else',
    { ...leaderless, host: { h2: { service: 'stopped' }, h3: { service: 'stopped' } } },
    [
      [
        'etcd-recover',
        /does not run on h2, h3, which can be reached: start it there; .* nothing is lost.*If it does not start, etcd-recover/,
      ],
    ],
  ],
  [
    'etcd runs on all, and they do not reach each other',
    { ...leaderless, closed: all('h1') },
    [
      [
        'etcd-recover',
        /etcd runs on h1, h2, h3, which would be enough: first see why they do not reach each other/,
      ],
      ['', /^h2, h3, h4 do not reach the peer port of h1, where it takes connections/],
    ],
  ],
  [
    'nothing at all answers: the worker may be the one that is cut off',
    {
      member: { 'etcd-1': down, 'etcd-2': down, 'etcd-3': down },
      host: { h1: silent, h2: silent, h3: silent, h4: silent },
    },
    [
      [
        'etcd-recover',
        /^Neither a member of demo nor one of their hosts answers\. Look at the network .* of the worker first/,
      ],
      ['', /^h4, a spare, does not answer over SSH/],
    ],
  ],

  // Members.
  [
    'a member is dead with its host',
    { member: { 'etcd-2': down }, host: { h2: silent }, closed: all('h2') },
    [
      [
        'etcd-replace-member',
        /^etcd-2 is down, and h2 does not answer over SSH.* etcd-replace-member \(to: h4\), once you are sure/,
      ],
      ['', /^Until then no other member may fail: 2 of 3/],
    ],
  ],
  [
    'without a spare none is named',
    { spares: 0, member: { 'etcd-2': down }, host: { h2: silent }, closed: all('h2') },
    [
      ['etcd-replace-member', /with etcd-replace-member, once you are sure/],
      ['', /^Until then/],
    ],
  ],
  [
    'five members can lose one and another',
    {
      members: 5,
      spares: 0,
      member: { 'etcd-2': down },
      host: { h2: silent },
      closed: [...all('h2'), 'h5>h2'],
    },
    [['etcd-replace-member', /^etcd-2 is down/]],
  ],
  [
    'the worker alone is cut off from a host: what runs there is not to be replaced',
    { member: { 'etcd-2': down }, host: { h2: silent } },
    [
      [
        '',
        /^Neither etcd-2 nor h2 answers the worker, but h1, h3, h4 reach its peer port: .* or the host hangs/,
      ],
    ],
  ],
  [
    'etcd was stopped',
    { member: { 'etcd-2': down }, host: { h2: { service: 'stopped' } } },
    [
      [
        'etcd-replace-member',
        /^etcd-2 is down: etcd is stopped on h2\. Start it there; if it does not start/,
      ],
      ['', /^Until then/],
    ],
  ],
  [
    'etcd was stopped and fenced: not simply to be started',
    { member: { 'etcd-2': down }, host: { h2: { service: 'stopped', fenced: true } } },
    [
      ['etcd-replace-member', /kept from being started .* Find out why before it is started/],
      ['', /^Until then/],
    ],
  ],
  [
    'etcd dies again and again',
    { member: { 'etcd-2': down }, host: { h2: { service: 'restarting' } } },
    [
      ['etcd-replace-member', /dies on h2 again and again\. Read its log/],
      ['', /^Until then/],
    ],
  ],
  [
    'only the worker does not reach it: it is not to be replaced',
    { member: { 'etcd-2': down } },
    [['', /^etcd-2 does not answer the worker, but etcd runs on h2, and h1, h3, h4 reach its peer port/]],
  ],
  [
    'it runs, and nobody reaches it',
    { member: { 'etcd-2': down }, closed: [...all('h2'), 'h2>h2'] },
    [
      ['etcd-replace-member', /^etcd-2 does not answer, though h2 says that etcd runs: it may hang/],
      ['', /^Until then/],
      ['', /^h1, h3, h4 do not reach the peer port of h2, where etcd is said to run/],
    ],
  ],
  [
    'a member lags behind',
    { member: { 'etcd-3': { healthy: false, why: 'etcd-3 lags 4000 entries behind, more than 100' } } },
    [['', /^etcd-3 lags 4000 entries behind, more than 100\. Look at the log of etcd-3 on h3/]],
  ],
  [
    'CORRUPT before anything else',
    {
      etcd: { alarms: ['CORRUPT on etcd-2', 'NOSPACE on etcd-1'], agree: false },
      member: { 'etcd-2': { healthy: false, why: 'An alarm is raised: CORRUPT on etcd-2' } },
    },
    [
      ['etcd-replace-member', /CORRUPT on etcd-2\. Its data cannot be trusted/],
      ['etcd-maintenance', /takes no writes/],
    ],
  ],
  [
    'CORRUPT of a member that is gone',
    { etcd: { alarms: ['CORRUPT on the member with ID beef'] } },
    [['etcd-maintenance', /left behind: CORRUPT on the member with ID beef, which is no member any more/]],
  ],
  [
    'members hold different data',
    {
      etcd: {
        agree: false,
        problems: ['The hashes differ at revision 7: etcd-1 and etcd-2 cafe0001, etcd-3 0badf00d.'],
      },
    },
    [['etcd-replace-member', /different data: The hashes differ .* etcd-3 0badf00d\. Take a backup/]],
  ],
  [
    'hashes that could not be compared say nothing',
    { etcd: { agree: false, comparable: false } },
    [['', /as it should be/]],
  ],

  // The membership.
  [
    'a member is where the inventory does not say',
    { member: { 'etcd-1': { peerHost: 'h4' } } },
    [
      [
        'etcd-migrate-node',
        /inventory has etcd-1 on h1, and the membership on h4\. .* quorate inventory check/,
      ],
    ],
  ],
  [
    'a member is nowhere that the inventory knows',
    { member: { 'etcd-1': { peerHost: '' } } },
    [['', /has a peer URL that is no host of the inventory/]],
  ],
  [
    'a member that the inventory does not have',
    {
      host: { h3: { member: '' } },
      spares: 0,
      member: { 'etcd-3': { name: 'other', host: '', peerHost: 'h3' } },
    },
    [
      [
        'etcd-remove-member',
        /^other is a member of demo, and the inventory does not name it \(its peer URL is that of h3\)/,
      ],
    ],
  ],
  [
    'a member that the membership does not have',
    { member: { 'etcd-3': { ...down, id: '', peerHost: '' } }, host: { h3: { service: 'stopped' } } },
    [['etcd-add-member', /inventory has etcd-3 on h3, and the membership does not/]],
  ],
  [
    'data of a removed member runs',
    { member: { 'etcd-3': { id: '', healthy: false, why: 'etcd-3 runs on h3' } } },
    [['', /^On h3 runs a member that demo does not have/]],
  ],
  [
    'an added member that never started',
    {
      members: 4,
      spares: 0,
      member: { 'etcd-4': { ...down, name: '(not started a4)', isLearner: true, host: '' } },
    },
    [['etcd-remove-member', /added and never started \(a4\)\. Finish the run/]],
  ],
  [
    'a learner that was left',
    {
      members: 4,
      spares: 0,
      member: { 'etcd-4': { healthy: false, isLearner: true, why: 'etcd-4 is a learner' } },
    },
    [['etcd-remove-member', /^etcd-4 is a learner/]],
  ],

  // Hosts.
  [
    'a host of a member that serves does not answer over SSH',
    { host: { h2: silent } },
    [
      [
        '',
        /^h2 serves \(etcd-2\), but does not answer over SSH, so no runbook can act on it: no answer within 10 s\.$/,
      ],
    ],
  ],
  [
    'one way is closed',
    { closed: ['h2>h1'] },
    [['', /^h2 does not reach the peer port of h1, which h3, h4 reach: look at firewalls and routes/]],
  ],
  [
    'a firewall lets nobody in',
    { closed: all('h1') },
    [
      [
        '',
        /^h2, h3, h4 do not reach the peer port of h1, where it takes connections: look at the firewall of h1/,
      ],
    ],
  ],
  [
    'nothing listens where etcd is stopped: that is no fault of the network',
    {
      member: { 'etcd-2': down },
      host: { h2: { service: 'stopped' } },
      closed: [...all('h2'), 'h2>h2'],
    },
    [
      ['etcd-replace-member', /etcd is stopped on h2/],
      ['', /^Until then/],
    ],
  ],
  ['a certificate that is good for long', { host: { h1: ending(31) } }, [['', /as it should be/]]],
  [
    'a certificate that ends soon',
    { host: { h1: ending(9) } },
    [
      [
        'etcd-reconfigure',
        /\/pki\/peer\.crt on h1 in 9 days \(2026-12-01\)\. Renew them, member by member, with etcd-reconfigure/,
      ],
    ],
  ],
  [
    'certificates that end today and that have ended, the worst first',
    { host: { h1: ending(0), h2: ending(-3) } },
    [['etcd-reconfigure', /on h2 ended on 2026-12-01; \/pki\/peer\.crt on h1 today \(2026-12-01T10:00\)/]],
  ],
  [
    "the worker's own certificate ends",
    { certificates: ending(5).certificates },
    [['', /^\/pki\/peer\.crt, by which the worker asks demo, ends in 5 days/]],
  ],
  [
    "the worker's own certificate has ended",
    { certificates: ending(-5).certificates },
    [['', /^\/pki\/peer\.crt, by which the worker asks demo, ended on 2026-12-01/]],
  ],
  [
    'a disk that is nearly full',
    { host: { h1: { freeBytes: 100 * MiB } } },
    [
      ['', /^h1 has 100 MiB of 40 GiB free/],
      ['etcd-reconfigure', /may grow by 2 GiB before its quota/],
    ],
  ],
  [
    'clocks that are apart',
    { host: { h2: { clockOffsetMs: 3200 } } },
    [['', /^The clocks of h1 and h2 are 3\.2 s apart/]],
  ],
  [
    'clocks that cannot be told apart',
    { host: { h2: { clockOffsetMs: 1200, clockWithinMs: 400 } } },
    [['', /as it should be/]],
  ],
  [
    'clocks that are not known',
    { host: { h2: { clockOffsetMs: 0, clockWithinMs: -1 } } },
    [['', /as it should be/]],
  ],

  // Upkeep.
  [
    'full',
    { etcd: { alarms: ['NOSPACE on etcd-1'] }, database: { 'etcd-1': { worth: true } } },
    [['etcd-maintenance', /^demo takes no writes: its database is full \(NOSPACE on etcd-1\)/]],
  ],
  [
    'holes',
    { database: { 'etcd-2': { sizeBytes: 900 * MiB, inUseBytes: 100 * MiB, worth: true } } },
    [['etcd-maintenance', /etcd-2: 800 MiB of 900 MiB\): etcd-maintenance gives it back/]],
  ],
  [
    'a quota that is too small for what is in use',
    { database: { 'etcd-2': { sizeBytes: 1.6 * GiB, inUseBytes: 1.5 * GiB } } },
    [['etcd-reconfigure', /raise quota-backend-bytes to 4 GiB with etcd-reconfigure/]],
  ],
  [
    'mixed versions',
    {
      member: { 'etcd-2': { version: '3.5.35' } },
      host: { h2: { version: '3.5.35' } },
    },
    [['etcd-rolling-upgrade', /3\.6\.16 on etcd-1, etcd-3; 3\.5\.35 on etcd-2\): bring all to 3\.6\.16/]],
  ],
  [
    'a downgrade under way',
    { etcd: { downgradeTo: '3.5.0' } },
    [['etcd-downgrade', /^A downgrade to 3\.5\.0 is under way/]],
  ],
  [
    'a version that loses data',
    { members: 1, member: { 'etcd-1': { version: '3.5.1' } }, host: { h1: { version: '3.5.1' } } },
    [
      ['etcd-rolling-upgrade', /^etcd 3\.5\.1 is known for this: .*13766/],
      ['etcd-expand', /one voter/],
    ],
  ],
  [
    'another version installed than the one that runs',
    { host: { h3: { version: '3.6.17' } } },
    [['etcd-rolling-restart', /^etcd-3 runs 3\.6\.16, and 3\.6\.17 is installed on h3/]],
  ],
  ['two voters', { members: 2 }, [['etcd-expand', /^demo has 2 voters/]]],
  ['four voters', { members: 4 }, [['etcd-expand', /etcd-shrink/]]],
])('%s', (_situation, sample, expected) => {
  const advice = adviceFor(sampleSurvey(sample))
  expect(advice).toEqual(
    expected.map(([runbook, words]) => ({ runbook, text: expect.stringMatching(words) })),
  )
  for (const { runbook, text } of advice) expect(text).toContain(runbook)
})
