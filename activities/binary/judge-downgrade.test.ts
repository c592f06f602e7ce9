import { expect, test } from '@jest/globals'
import { type DowngradeFacts, whyNotDowngrade } from './judge-downgrade.ts'

function facts(to: string, versions: readonly string[], over: Partial<DowngradeFacts> = {}): DowngradeFacts {
  const members = versions.map((version, index) => ({ name: 'abc'[index] ?? '', version, refused: [] }))
  const clusterVersion = (versions[0] ?? '').replace(/\d+$/, '0')
  return { cluster: 'demo', to, clusterVersion, downgradeTo: '', members, ...over }
}
const all = (version: string) => [version, version, version]

test.each<[string, DowngradeFacts]>([
  ['3.6 to 3.5', facts('3.5.35', all('3.6.16'))],
  ['3.7 to 3.6', facts('3.6.16', all('3.7.3'))],
  [
    'enabled by a former run',
    facts('3.5.35', all('3.6.16'), { downgradeTo: '3.5.0', clusterVersion: '3.5.0' }),
  ],
  [
    'half done',
    facts('3.5.35', ['3.5.35', '3.6.16', '3.6.16'], { downgradeTo: '3.5.0', clusterVersion: '3.5.0' }),
  ],
])('%s may go down', (_what, given) => {
  expect(whyNotDowngrade(given)).toEqual([])
})

test.each<[string, DowngradeFacts, RegExp]>([
  ['3.7 to 3.5', facts('3.5.35', all('3.7.3')), /one minor version at a time.*so 3\.6 comes first/],
  ['3.5 to 3.4', facts('3.4.33', all('3.5.35')), /3\.4\.32/],
  ['upwards', facts('3.7.3', all('3.6.16')), /use etcd-rolling-upgrade/],
  [
    'within a minor version',
    facts('3.6.12', all('3.6.16')),
    /Between patches of it, use etcd-rolling-upgrade/,
  ],
  [
    'an upgrade half done',
    facts('3.5.35', ['3.5.35', '3.5.35', '3.6.16'], { clusterVersion: '3.5.0' }),
    /an upgrade was not finished/,
  ],
  ['another downgrade', facts('3.6.16', all('3.7.3'), { downgradeTo: '3.5.0' }), /to 3\.5\.0 is under way/],
  ['a silent member', facts('3.5.35', ['3.6.16', '', '3.6.16']), /^b does not say/],
  ['a release that loses data', facts('3.5.1', all('3.6.16')), /#13766/],
  ['a minor version only', facts('3.5', all('3.6.16')), /in full/],
  [
    'settings the old one does not know',
    facts('3.5.35', [], {
      members: [{ name: 'a', version: '3.6.16', refused: ['a: --feature-gates is unknown.'] }],
    }),
    /feature-gates/,
  ],
])('%s: refused', (_what, given, why) => {
  expect(whyNotDowngrade(given).join('\n')).toMatch(why)
})
