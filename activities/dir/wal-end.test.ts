import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { walReader } from './wal-end.ts'

const varint = (value: number): Buffer => {
  const bytes: number[] = []
  for (let rest = BigInt(value); ; rest >>= 7n) {
    if (rest < 0x80n) return Buffer.from([...bytes, Number(rest)])
    bytes.push(Number(rest & 0x7fn) | 0x80)
  }
}
const field = (number: number, value: number): Buffer => Buffer.concat([varint(number << 3), varint(value)])
const data = (number: number, bytes: Buffer): Buffer =>
  Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes])

/** A frame as etcd writes it: its length, how much padding follows, the record, the padding. */
const frame = (record: Buffer): Buffer => {
  const padding = (8 - (record.length % 8)) % 8
  const head = Buffer.alloc(8)
  head.writeBigUInt64LE(BigInt(record.length) | (padding === 0 ? 0n : BigInt(0x80 | padding) << 56n))
  return Buffer.concat([head, record, Buffer.alloc(padding)])
}
const record = (type: number, body: Buffer): Buffer =>
  frame(Buffer.concat([field(1, type), field(2, 7), data(3, body)]))
const entry = (term: number, index: number, size = 10): Buffer =>
  record(2, Buffer.concat([field(1, 0), field(2, term), field(3, index), data(4, Buffer.alloc(size, 1))]))
const state = (term: number, commit: number): Buffer =>
  record(3, Buffer.concat([field(1, term), field(2, 5), field(3, commit)]))
const zeros = Buffer.alloc(4096)
const path = '/d/member/wal/0000000000000003-0000000000000064.wal'

function readIn(bytes: Buffer, chunk: number) {
  const reader = walReader(path)
  for (let at = 0; at < bytes.length; at += chunk) if (!reader.take(bytes.subarray(at, at + chunk))) break
  return reader.end()
}

test('a segment without entries goes as far as its name says', () => {
  expect(readIn(Buffer.concat([record(4, Buffer.alloc(1)), zeros]), 100)).toEqual({
    term: 0,
    index: 99,
    commit: 0,
  })
})

test('the last entry counts, also where a new leader wrote over the ones of before', () => {
  const log = [entry(2, 100), entry(2, 101), entry(2, 102), state(3, 100), entry(3, 101), zeros]
  expect(readIn(Buffer.concat(log), 50)).toEqual({ term: 3, index: 101, commit: 100 })
})

test('a write that was torn off is the end', () => {
  const torn = entry(2, 101, 900)
  torn.fill(0, 12)
  expect(readIn(Buffer.concat([entry(2, 100), torn, zeros]), 64)).toEqual({ term: 2, index: 100, commit: 0 })
})

test('however it comes in, it is read the same', () => {
  const log = Buffer.concat([
    ...Array.from({ length: 40 }, (_, i) => entry(2, 100 + i, i * 13)),
    state(2, 138),
    zeros,
  ])
  fc.assert(
    fc.property(fc.integer({ min: 1, max: log.length }), (chunk) => {
      expect(readIn(log, chunk)).toEqual({ term: 2, index: 139, commit: 138 })
    }),
    { numRuns: 50 },
  )
})
