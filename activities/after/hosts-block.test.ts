import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { shadowed, withHosts } from './hosts-block.ts'

const members = [
  { name: 'etcd-1', address: '10.0.0.1' },
  { name: 'etcd-2', address: '10.0.0.2' },
]
const block =
  '# quorate begin: members of demo\n10.0.0.1\tetcd-1\n10.0.0.2\tetcd-2\n# quorate end: members of demo\n'
const local = '127.0.0.1 localhost\n'

test.each([
  ['an empty file', '', block],
  ['a file without the block', local, local + block],
  ['a file whose last line does not end', '127.0.0.1 localhost', local + block],
  [
    'a block in the middle',
    `${local}${block.replace('10.0.0.2', '10.0.0.9')}# end\n`,
    `${local}${block}# end\n`,
  ],
  ['a block with lines of others around', `a${block}`, `a${block}${block}`],
  [
    'the block of another cluster',
    block.replaceAll('demo', 'demo-2'),
    block.replaceAll('demo', 'demo-2') + block,
  ],
  [
    'a beginning without an end',
    '# quorate begin: members of demo\nx\n',
    `# quorate begin: members of demo\nx\n${block}`,
  ],
])('%s', (_what, text, expected) => {
  expect(withHosts(text, 'demo', members)).toBe(expected)
  expect(withHosts(expected, 'demo', members)).toBe(expected)
})

test('applied twice it is applied once, and nothing outside the block changes', () => {
  const lines = fc.array(fc.constantFrom('', '# x', '10.0.0.9 a b', '\t::1 c', '# quorate end: members of z'))
  fc.assert(
    fc.property(lines, lines, (before, after) => {
      const [head, tail] = [
        before.map((line) => `${line}\n`).join(''),
        after.map((line) => `${line}\n`).join(''),
      ]
      const text = head + block.replace('10.0.0.1', '10.9.9.9') + tail
      expect(withHosts(text, 'demo', members)).toBe(head + block + tail)
      expect(withHosts(head + block + tail, 'demo', members)).toBe(head + block + tail)
    }),
  )
})

test('lines outside the block that name a member otherwise are told', () => {
  const text = `10.0.0.9 other etcd-1 # was here\n10.0.0.2 etcd-2\n# 10.0.0.7 etcd-2\n${block}`
  expect(shadowed(text, 'demo', members)).toEqual([{ name: 'etcd-1', address: '10.0.0.9' }])
})
