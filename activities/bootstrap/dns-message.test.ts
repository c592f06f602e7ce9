import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { srvAnswer, srvQuery } from './dns-message.ts'

const id = 0x1234
const text = (value: string) => Buffer.from(value, 'ascii').toString('hex')

test('a query asks for SRV records of the name, recursively, with room for long answers', () => {
  expect(srvQuery('_a._tcp.ex.', id)).toBe(
    `12340100000100000000000102${text('_a')}04${text('_tcp')}02${text('ex')}0000210001` +
      '0000291000000000000000',
  )
})

const question = `02${text('_a')}02${text('ex')}00`
const header = (flags: string, answers: number) => `1234${flags}0001000${answers}00000000`
const answer = (...targets: string[]) =>
  header('8180', targets.length) +
  `${question}00210001` +
  targets
    .map((target) => {
      const data = `0000000a094c${target}`
      return `c00c0021000100000e10${(data.length / 2).toString(16).padStart(4, '0')}${data}`
    })
    .join('')

test('records are read, compressed names and capitals too', () => {
  expect(srvAnswer(answer(`02${text('H1')}c00f`, `03${text('h-2')}02${text('ex')}00`), id)).toEqual({
    ...{ kind: 'records' },
    records: [
      { target: 'h1.ex', port: 2380 },
      { target: 'h-2.ex', port: 2380 },
    ],
  })
})

test.each([
  ['no such name', `${header('8183', 0)}${question}00210001`, { kind: 'none' }],
  ['no such records', `${header('8180', 0)}${question}00210001`, { kind: 'none' }],
  ['a refusal', header('8185', 0), { kind: 'failed', why: 'the name server answered with REFUSED' }],
  ['a truncated answer', header('8380', 0), { kind: 'failed', why: 'the answer is longer than a datagram' }],
  [
    'another question',
    header('8180', 0).replace('1234', '4321'),
    { kind: 'failed', why: expect.any(String) },
  ],
  ['nothing', '', { kind: 'failed', why: 'the answer is cut short' }],
  ['a pointer that leads nowhere', answer('c0ff'), { kind: 'failed', why: 'the answer is cut short' }],
])('%s', (_what, hex, expected) => expect(srvAnswer(hex, id)).toEqual(expected))

test('it never throws, whatever comes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      const hex = `1234${Buffer.from(bytes).toString('hex')}`
      expect(['records', 'none', 'failed']).toContain(srvAnswer(hex, id).kind)
    }),
    { numRuns: 500 },
  )
})
