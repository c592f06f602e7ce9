import { expect, test } from '@jest/globals'
import { hostLines, memberLines, networkLines, summaryOf } from './survey-report.ts'
import { down, type Sample, sampleSurvey, silent } from './survey-sample.ts'

const report = (sample: Sample): string => {
  const seen = sampleSurvey(sample)
  const parts = [[summaryOf(seen)], memberLines(seen), hostLines(seen), networkLines(seen)]
  return `\n${parts.map((lines) => lines.join('\n')).join('\n\n')}\n`
}

test('a cluster in order', () => {
  expect(report({})).toMatchInlineSnapshot(`
   "
   demo: 3 of 3 members healthy, etcd-1 leads (term 2), 1 more may fail, etcd 3.6.16, revision 7, data equal (hash cafe0001)

   member  host  state     version  lag  database  not in use  quota
   etcd-1  h1    leader    3.6.16   0    20 MiB    10 %        1 % of 2 GiB
   etcd-2  h2    follower  3.6.16   0    20 MiB    10 %        1 % of 2 GiB
   etcd-3  h3    follower  3.6.16   0    20 MiB    10 %        1 % of 2 GiB

   host  member  SSH  etcd     installed  disk free         clock   certificates
   h1    etcd-1  yes  running  3.6.16     30 GiB of 40 GiB  ± 3 ms  364 days
   h2    etcd-2  yes  running  3.6.16     30 GiB of 40 GiB  ± 3 ms  364 days
   h3    etcd-3  yes  running  3.6.16     30 GiB of 40 GiB  ± 3 ms  364 days
   h4    spare   yes  stopped  3.6.16     30 GiB of 40 GiB  ± 3 ms  none

   h1, h2, h3, h4: each reaches the peer port of h1, h2, h3.
   "
  `)
})

test('a member and its host are gone, another has its firewall closed, a third is behind', () => {
  const sample: Sample = {
    members: 5,
    member: {
      'etcd-2': down,
      'etcd-4': { healthy: false, lag: 4000, why: 'etcd-4 lags' },
      'etcd-5': { healthy: false, isLearner: true, version: '3.7.3' },
    },
    host: {
      h2: silent,
      h3: { fenced: true, service: 'restarting', clockOffsetMs: -1500 },
      h4: { certificates: [{ path: 'p', endsAt: '', days: -1 }], freeBytes: -1 },
    },
    database: { 'etcd-1': { quotaBytes: 0 } },
    closed: ['h1>h2', 'h3>h2', 'h4>h2', 'h5>h2', 'h6>h2', 'h1>h3'],
    etcd: { alarms: ['NOSPACE on etcd-1'], agree: false },
  }
  expect(report(sample)).toMatchInlineSnapshot(`
   "
   demo: 2 of 5 members healthy, etcd-1 leads (term 2), fewer are healthy than the quorum of 3, etcd 3.6.16 to 3.7.3, revision 7, NOSPACE on etcd-1, DATA DIFFERS

   member  host  state               version  lag   database  not in use  quota
   etcd-1  h1    leader              3.6.16   0     20 MiB    10 %        ?
   etcd-2  h2    DOWN                ?        ?     ?         ?           ?
   etcd-3  h3    follower            3.6.16   0     20 MiB    10 %        1 % of 2 GiB
   etcd-4  h4    follower, NOT WELL  3.6.16   4000  20 MiB    10 %        1 % of 2 GiB
   etcd-5  h5    learner, NOT WELL   3.7.3    0     20 MiB    10 %        1 % of 2 GiB

   host  member  SSH  etcd                installed  disk free         clock     certificates
   h1    etcd-1  yes  running             3.6.16     30 GiB of 40 GiB  ± 3 ms    364 days
   h2    etcd-2  NO   ?                   ?          ?                 ?         ?
   h3    etcd-3  yes  RESTARTING, fenced  3.6.16     30 GiB of 40 GiB  -1500 ms  364 days
   h4    etcd-4  yes  running             3.6.16     ?                 ± 3 ms    ENDED
   h5    etcd-5  yes  running             3.6.16     30 GiB of 40 GiB  ± 3 ms    364 days
   h6    spare   yes  stopped             3.6.16     30 GiB of 40 GiB  ± 3 ms    none
   h2 by SSH: no answer within 10 s.

   from \\ to  h1   h2  h3   h4   h5
   h1         yes  NO  NO   yes  yes
   h3         yes  NO  yes  yes  yes
   h4         yes  NO  yes  yes  yes
   h5         yes  NO  yes  yes  yes
   h6         yes  NO  yes  yes  yes
   "
  `)
})

test('nothing is known', () => {
  const sample: Sample = {
    ...{
      members: 1,
      spares: 0,
      member: { 'etcd-1': { ...down, host: '', peerHost: '' } },
      host: { h1: silent },
    },
    etcd: { margin: -1, revision: 0, comparable: false },
  }
  expect(report(sample)).toMatchInlineSnapshot(`
   "
   demo: 0 of 1 members healthy, nobody leads, the quorum is lost

   member  host  state  version  lag  database  not in use  quota
   etcd-1  ?     DOWN   ?        ?    ?         ?           ?

   host  member  SSH  etcd  installed  disk free  clock  certificates
   h1    etcd-1  NO   ?     ?          ?          ?      ?
   h1 by SSH: no answer within 10 s.

   No host could be asked whom it reaches.
   "
  `)
})
