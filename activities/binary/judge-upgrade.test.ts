import { expect, test } from '@jest/globals'
import { judgeUpgrade, type UpgradeFacts, type UpgradeMember } from './judge-upgrade.ts'

const member = (name: string, version: string, over: Partial<UpgradeMember> = {}): UpgradeMember => ({
  ...{ name, host: name, version, refused: [], v2: '' },
  ...over,
})

/** A cluster whose members a, b, c run these versions. */
function facts(to: string, versions: readonly string[], over: Partial<UpgradeFacts> = {}): UpgradeFacts {
  const members = versions.map((version, index) => member('abcde'[index] ?? '', version))
  const [lowest = '3.5.0'] = versions.filter((version) => version !== '').toSorted()
  const clusterVersion = lowest.replace(/\d+$/, '0')
  return { cluster: 'demo', to, clusterVersion, downgradeTo: '', auth: false, members, ...over }
}

const all = (version: string) => [version, version, version]

test.each<[string, UpgradeFacts, 'minor' | 'patch' | 'none']>([
  ['3.4 to a late 3.5', facts('3.5.35', all('3.4.23')), 'minor'],
  ['3.5.32 to 3.6', facts('3.6.16', all('3.5.32')), 'minor'],
  ['3.6.11 to 3.7', facts('3.7.3', all('3.6.11')), 'minor'],
  ['a patch up', facts('3.6.16', all('3.6.12')), 'patch'],
  ['a patch down', facts('3.6.12', all('3.6.16')), 'patch'],
  ['half done', facts('3.6.16', ['3.6.16', '3.5.35', '3.5.35']), 'minor'],
  [
    'half done, the others below what a member must have had before',
    facts('3.6.16', ['3.6.16', '3.6.5', '3.6.5']),
    'patch',
  ],
  ['an upgrade half done, put back', facts('3.5.35', ['3.6.16', '3.5.35', '3.5.35']), 'patch'],
  ['there already', facts('3.6.16', all('3.6.16')), 'none'],
  ['authentication from 3.5 on', facts('3.6.16', all('3.5.35'), { auth: true }), 'minor'],
])('%s: allowed', (_what, given, kind) => {
  expect(judgeUpgrade(given)).toEqual({ kind, problems: [], warnings: [] })
})

test.each<[string, UpgradeFacts, RegExp]>([
  ['3.4 to 3.6', facts('3.6.16', all('3.4.23')), /one minor version at a time.*3\.6\.16 comes after 3\.5/],
  ['3.5 to 3.7', facts('3.7.3', all('3.5.35')), /comes after 3\.6/],
  [
    'one member left two behind',
    facts('3.7.3', ['3.7.3', '3.7.3', '3.5.35']),
    /one minor version at a time: demo runs 3\.5/,
  ],
  ['down a minor', facts('3.5.35', all('3.6.16')), /a runs 3\.6\.16.*Use etcd-downgrade/],
  [
    'an upgrade half done, put back after the cluster moved on',
    facts('3.5.35', ['3.6.16', '3.5.35', '3.5.35'], { clusterVersion: '3.6.0' }),
    /a runs 3\.6\.16.*Use etcd-downgrade/,
  ],
  [
    'the old program after the cluster moved on',
    facts('3.5.35', all('3.5.35'), { clusterVersion: '3.6.0' }),
    /keeps to version 3\.6\.0 already/,
  ],
  ['3.5.31 to 3.6', facts('3.6.16', ['3.5.35', '3.5.31', '3.5.35']), /^b runs 3\.5\.31, .*3\.5\.32 or later/],
  ['3.6.10 to 3.7', facts('3.7.3', all('3.6.10')), /^a runs 3\.6\.10, .*3\.6\.11 or later/],
  ['3.5.1', facts('3.5.1', all('3.4.23')), /etcd 3\.5\.1: .*#13766.*later patch/],
  ['3.6.3', facts('3.6.3', all('3.5.35')), /etcd 3\.6\.3: .*later patch/],
  ['3.4 with authentication', facts('3.5.35', all('3.4.23'), { auth: true }), /auth disable/],
  ['a silent member', facts('3.6.16', ['3.5.35', '', '3.5.35']), /^b does not say/],
  ['a downgrade', facts('3.7.3', all('3.6.16'), { downgradeTo: '3.5.0' }), /downgrade of demo to 3\.5\.0/],
  ['3.8', facts('3.8.0', all('3.7.3')), /no version that Quorate knows/],
  ['3.3', facts('3.3.0', all('3.3.0')), /no version that Quorate knows/],
  ['a minor only', facts('3.6', all('3.5.35')), /no version that Quorate knows/],
])('%s: refused', (_what, given, problem) => {
  const { problems } = judgeUpgrade(given)
  expect(problems.join('\n')).toMatch(problem)
})

test('settings and the v2 store count for the members that are still to go', () => {
  const members = [
    member('a', '3.6.16', { refused: ['never looked at'] }),
    member('b', '3.5.35', { refused: ['b: --enable-v2 is unknown.'] }),
    member('c', '3.5.35', { v2: 'c has v2 content.' }),
  ]
  const { problems } = judgeUpgrade({ ...facts('3.6.16', []), members, clusterVersion: '3.5.0' })
  expect(problems).toEqual(['b: --enable-v2 is unknown.', 'c has v2 content.'])
})

test('what is only advice is no problem', () => {
  expect(judgeUpgrade(facts('3.5.20', all('3.4.20')))).toEqual({
    kind: 'minor',
    problems: [],
    warnings: [
      expect.stringMatching(/learner/),
      expect.stringMatching(/3\.5\.33 is the one/),
      ...['a', 'b', 'c'].map((name) =>
        expect.stringMatching(new RegExp(`^${name} runs 3\\.4\\.20, .*3\\.4\\.22`)),
      ),
    ],
  })
})
