import { expect, test } from '@jest/globals'
import { moveMember, type Move } from './move-member.ts'

const text = `# the demo
inventory: 1
hosts:
  h1: { address: 10.0.0.1 }   # rack 1
  h2: { address: 10.0.0.2 }
  "3": { address: 10.0.0.3 }
clusters:
  demo:
    members: { m1: h1,   m2: 'h2' }  # two of them
    # where a member may go
    spares:
      -   "3"   # quiet

`
const move = (more: Partial<Move> = {}): Move => ({ cluster: 'demo', member: 'm2', to: '3', ...more })

const moved = (from: string, how: Move): string => {
  const edited = moveMember(from, how)
  return edited.ok ? edited.text : edited.message
}

test('the member and the spare change places, and nothing else changes', () => {
  expect(moved(text, move())).toBe(
    text.replace(`m2: 'h2'`, 'm2: "3"').replace('-   "3"   # quiet', '-   h2   # quiet'),
  )
})

test('there and back is the same but for quotes', () => {
  const there = moved(text, move({ member: 'm1' }))
  expect(moved(there, move({ member: 'm1', to: 'h1' }))).toBe(text)
})

test('a member that is there already is left alone', () => {
  expect(moved(text, move({ to: 'h2' }))).toBe(text)
})

test.each([
  ['another cluster', text, move({ cluster: 'x' }), 'the inventory has no member "m2" of a cluster "x"'],
  ['another member', text, move({ member: 'x' }), 'the inventory has no member "x" of a cluster "demo"'],
  ['a host that is not there', text, move({ to: 'h9' }), 'the inventory has no host "h9"'],
  ['a host that is no spare', text, move({ to: 'h1' }), '"h1" is no spare of cluster "demo"'],
  ['no YAML', 'a: "', move(), 'the inventory cannot be read: This is not YAML: Missing closing "quote.'],
  ['something else', '- a', move(), 'the inventory has no member "m2" of a cluster "demo"'],
])('%s is refused', (_what, from, how, message) => {
  expect(moved(from, how)).toBe(message)
})
