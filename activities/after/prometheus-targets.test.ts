import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parse } from 'yaml'
import { withTargets } from './prometheus-targets.ts'

const target = (n: number) => `10.0.0.${n}:2379`
const asked = { cluster: 'demo', targets: [target(1), target(2)], formerTargets: [target(1), target(9)] }

const edited = (text: string, format: 'json' | 'yaml', over: Partial<typeof asked> = {}): string => {
  const result = withTargets(text, format, { ...asked, ...over })
  if (!result.ok) throw new Error(result.message)
  return result.text
}

test.each<['json' | 'yaml', string, string, string]>([
  [
    'json',
    'no file',
    '',
    '[\n  {\n    "targets": [\n      "10.0.0.1:2379",\n      "10.0.0.2:2379"\n    ],\n    "labels": {\n      "etcd_cluster": "demo"\n    }\n  }\n]\n',
  ],
  [
    'json',
    'the labelled group',
    '[{"targets": ["x:1"]}, {"targets": ["y:1"], "labels": {"etcd_cluster": "demo", "env": "a"}}]',
    '[{"targets": ["x:1"]}, {"targets": ["10.0.0.1:2379", "10.0.0.2:2379"], "labels": {"etcd_cluster": "demo", "env": "a"}}]',
  ],
  [
    'json',
    'a group that lists a member',
    '[\n  { "targets": [ "10.0.0.9:2379" ], "labels": { "job": "etcd" } }\n]\n',
    '[\n  { "targets": ["10.0.0.1:2379", "10.0.0.2:2379"], "labels": { "job": "etcd" } }\n]\n',
  ],
  [
    'json',
    'only groups of others',
    '[{"targets": ["x:1"]}]\n',
    '[{"targets": ["x:1"]},\n  { "targets": ["10.0.0.1:2379", "10.0.0.2:2379"], "labels": { "etcd_cluster": "demo" } }\n]\n',
  ],
  [
    'json',
    'an empty list',
    '[]',
    '[\n  { "targets": ["10.0.0.1:2379", "10.0.0.2:2379"], "labels": { "etcd_cluster": "demo" } }\n]',
  ],
  [
    'yaml',
    'no file',
    '',
    '- targets: ["10.0.0.1:2379", "10.0.0.2:2379"]\n  labels: { etcd_cluster: "demo" }\n',
  ],
  [
    'yaml',
    'a list below, its others kept in order',
    "# mine\n- targets:\n    - '10.0.0.9:2379'\n    - '10.0.0.2:2379'\n  labels: {job: etcd} # keep\n- targets: [x]\n",
    "# mine\n- targets:\n    - '10.0.0.2:2379'\n    - '10.0.0.1:2379'\n  labels: {job: etcd} # keep\n- targets: [x]\n",
  ],
  [
    'yaml',
    'only groups of others',
    '- targets: [x]\n  labels: {a: b}\n',
    '- targets: [x]\n  labels: {a: b}\n- { "targets": ["10.0.0.1:2379", "10.0.0.2:2379"], "labels": { "etcd_cluster": "demo" } }\n',
  ],
  [
    'yaml',
    'only groups of others, without an end of line',
    '- targets: [x]',
    '- targets: [x]\n- { "targets": ["10.0.0.1:2379", "10.0.0.2:2379"], "labels": { "etcd_cluster": "demo" } }\n',
  ],
  [
    'yaml',
    'a comment only',
    '# none yet\n',
    '# none yet\n- targets: ["10.0.0.1:2379", "10.0.0.2:2379"]\n  labels: { etcd_cluster: "demo" }\n',
  ],
])('%s: %s', (format, _what, text, expected) => {
  expect(edited(text, format)).toBe(expected)
  expect(edited(expected, format)).toBe(expected)
})

test('targets in another order stay as they are', () => {
  const text = '[{"targets":["10.0.0.2:2379","10.0.0.1:2379"]}]'
  expect(edited(text, 'json')).toBe(text)
})

test("another cluster's labelled group is left alone though it lists a member", () => {
  const text = '[{"targets":["10.0.0.1:2379"],"labels":{"etcd_cluster":"other"}}]'
  expect(parse(edited(text, 'json'))).toEqual([
    { targets: ['10.0.0.1:2379'], labels: { etcd_cluster: 'other' } },
    { targets: asked.targets, labels: { etcd_cluster: 'demo' } },
  ])
})

test.each<[string, 'json' | 'yaml', string, RegExp]>([
  ['a map', 'json', '{}', /no list/],
  ['half a file', 'json', '[{', /cannot be read as JSON/],
  ['no YAML', 'yaml', 'a: b: c', /cannot be read as YAML/],
])('%s is left as it is', (_what, format, text, message) => {
  expect(withTargets(text, format, asked)).toEqual({ ok: false, message: expect.stringMatching(message) })
})

test('applied twice it is applied once, and other groups mean what they meant', () => {
  const words = fc.array(fc.constantFrom('x:1', 'y:2', target(9)), { maxLength: 3 })
  const group = fc.record({
    targets: words,
    labels: fc.constantFrom({}, { job: 'etcd' }, { etcd_cluster: 'z' }),
  })
  const style = fc.constantFrom(0, 2)
  fc.assert(
    fc.property(fc.array(group, { maxLength: 4 }), style, (groups, indent) => {
      const text = JSON.stringify(groups, null, indent)
      const once = edited(text, 'json')
      expect(edited(once, 'json')).toBe(once)
      const now = parse(once) as typeof groups
      const changed = now.filter((each, index) => JSON.stringify(each) !== JSON.stringify(groups[index]))
      expect(changed.length).toBeLessThanOrEqual(1)
      expect(now.filter(({ targets }) => targets.join() === asked.targets.join())).toHaveLength(1)
    }),
  )
})
