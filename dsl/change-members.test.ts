import { expect, test } from '@jest/globals'
import { addMember, removeMember } from './change-members.ts'
import type { Edited } from './move-member.ts'

const flow = `hosts: { h1: { address: a }, h2: { address: b }, h3: { address: c }, "4": { address: d } }
clusters: # all of them
  demo:
    members: { m1: h1,   m2: 'h2' }  # two
    spares: [ h3, "4" ]
`
const block = `hosts: { h1: { address: a }, h2: { address: b }, h3: { address: c }, "4": { address: d } }
clusters:
  demo:
    # who is in it
    members:
      m1: h1 # the first
      m2: h2
      # that is all
    spares:
      - h3   # quiet
      - "4"
    etcd: { scheme: http }
`
const bare = `hosts: { h1: { address: a }, h2: { address: b } }
clusters:
  demo:
    members:
      m1: h1
      m2: h2
`
const oneSpare = block.replace('      - "4"\n', '')

const textOf = (edited: Edited): string => (edited.ok ? edited.text : edited.message)
const add = (text: string, member: string, host: string) =>
  textOf(addMember(text, { cluster: 'demo', member, host }))
const remove = (text: string, member: string, keepHost = true) =>
  textOf(removeMember(text, { cluster: 'demo', member, keepHost }))

test.each([
  [
    'braces',
    add(flow, 'm3', 'h3'),
    flow.replace(`m2: 'h2' }`, `m2: 'h2', m3: h3 }`).replace('[ h3, "4" ]', '[ "4" ]'),
  ],
  [
    'braces, the last spare',
    add(flow, 'm3', '4'),
    flow.replace(`m2: 'h2' }`, `m2: 'h2', m3: "4" }`).replace('h3, "4"', 'h3'),
  ],
  [
    'lines',
    add(block, 'm3', 'h3'),
    block.replace('m2: h2\n', 'm2: h2\n      m3: h3\n').replace('      - h3   # quiet\n', ''),
  ],
  [
    'lines, the only spare',
    add(oneSpare, 'm3', 'h3'),
    oneSpare.replace('m2: h2\n', 'm2: h2\n      m3: h3\n').replace(':\n      - h3   #', ': []   #'),
  ],
  [
    'lines, a host that was no spare',
    add(bare.replace('b }', 'b }, h3: { address: c }'), 'm3', 'h3'),
    `${bare.replace('b }', 'b }, h3: { address: c }')}      m3: h3\n`,
  ],
  ['one that is there already', add(block, 'm2', 'h2'), block],
])('a member joins: %s', (_layout, edited, expected) => {
  expect(edited).toBe(expected)
})

test.each([
  ['braces', remove(flow, 'm1'), flow.replace('m1: h1,   ', '').replace('"4" ]', '"4", h1 ]')],
  ['braces, the last', remove(flow, 'm2', false), flow.replace(`,   m2: 'h2'`, '')],
  [
    'lines',
    remove(block, 'm1'),
    block.replace('      m1: h1 # the first\n', '').replace('      - "4"\n', '      - "4"\n      - h1\n'),
  ],
  ['lines, its host goes too', remove(block, 'm2', false), block.replace('      m2: h2\n', '')],
  [
    'lines, the first spare there is',
    remove(bare, 'm1'),
    bare.replace('      m1: h1\n', '').replace('    members', '    spares: [h1]\n    members'),
  ],
  ['one that is gone already', remove(block, 'm9'), block],
])('a member leaves: %s', (_layout, edited, expected) => {
  expect(edited).toBe(expected)
})

test('leaving and joining again is the same but for the order', () => {
  expect(add(remove(flow, 'm2'), 'm2', 'h2')).toBe(flow.replace(`,   m2: 'h2'`, ', m2: h2'))
})

test.each([
  ['another cluster', textOf(addMember(flow, { cluster: 'x', member: 'm3', host: 'h3' })), /no cluster "x"/],
  ['a host that is not there', add(flow, 'm3', 'h9'), /no host "h9"/],
  ['the host of another', add(flow, 'm3', 'h2'), /"h2" is the host of "m2"/],
  ['a member that is elsewhere', add(flow, 'm2', 'h3'), /has "m2" of cluster "demo" on "h2" already/],
  ['the only member', remove(remove(flow, 'm1'), 'm2'), /the only member/],
  ['no YAML', add('a: "', 'm3', 'h3'), /cannot be read/],
])('%s is refused', (_what, message, expected) => {
  expect(message).toMatch(expected)
})
