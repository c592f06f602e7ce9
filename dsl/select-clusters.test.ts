import { describe, expect, test } from '@jest/globals'
import { selectClusters } from './select-clusters.ts'

const clusters = {
  'prod-us': { labels: { env: 'prod', region: 'us' } },
  'prod-eu': { labels: { env: 'prod', region: 'eu' } },
  'test-eu': { labels: { env: 'test', region: 'eu' } },
  spare: {},
}

describe('which clusters are meant', () => {
  test.each<[string | readonly string[], readonly string[]]>([
    ['prod-eu', ['prod-eu']],
    ['test-eu,prod-eu', ['prod-eu', 'test-eu']],
    [
      ['test-eu', ' prod-eu '],
      ['prod-eu', 'test-eu'],
    ],
    ['*', ['prod-eu', 'prod-us', 'spare', 'test-eu']],
    ['prod-*', ['prod-eu', 'prod-us']],
    ['*-eu', ['prod-eu', 'test-eu']],
    ['p*-*u', ['prod-eu']],
    ['env=prod', ['prod-eu', 'prod-us']],
    ['env=*', ['prod-eu', 'prod-us', 'test-eu']],
    ['env=prod&region=eu', ['prod-eu']],
    ['region=eu&test-*', ['test-eu']],
    ['env=prod,spare', ['prod-eu', 'prod-us', 'spare']],
    ['env=prod,!prod-us', ['prod-eu']],
    ['!env=prod', ['spare', 'test-eu']],
  ])('%j', (selection, names) => {
    expect(selectClusters(selection, clusters)).toEqual({ ok: true, names })
  })

  test.each<[string, RegExp]>([
    ['porod-eu', /no cluster "porod-eu"\. Did you mean "prod-eu"\?/],
    ['prod-eu,tset-eu', /no cluster "tset-eu"\. Did you mean "test-eu"/],
    ['!prod-ue', /no cluster "prod-ue"/],
    [
      'env=prd',
      /"env=prd" means no cluster of the inventory\. There is prod-eu.*labels are env=prod, env=test/,
    ],
    ['env=prod&region=jp', /means no cluster/],
    ['prod*eu*x', /means no cluster/],
    ['prod-*,!env=prod', /No cluster is selected by/],
    ['', /No cluster is selected by ""\. There is prod-eu, prod-us, spare and test-eu/],
  ])('%j means none', (selection, says) => {
    const selected = selectClusters(selection, clusters)
    expect(selected.ok ? '' : selected.message).toMatch(says)
  })

  test('a piece is not used twice', () => {
    expect(selectClusters('ab*ba', { aba: {}, abba: {} })).toEqual({ ok: true, names: ['abba'] })
  })
})
