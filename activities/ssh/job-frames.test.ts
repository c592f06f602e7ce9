import { expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import { type JobFrame, JobFrames } from './job-frames.ts'

const expected: readonly JobFrame[] = [
  { kind: 'attached', n: 2, fresh: true },
  { kind: 'out', text: 'ä\ncod' },
]

function framesOf(chunks: readonly Buffer[]): readonly JobFrame[] {
  const frames: JobFrame[] = []
  const reader = new JobFrames((frame) => frames.push(frame))
  for (const chunk of chunks) reader.push(chunk)
  return frames
}

test('frames are the same however the stream is cut', () => {
  const text = Buffer.from('attached 2 new\nout 6\nä\ncodlost\nerr 3\na\nbcode 7 10 12\nout 0\nend\n')
  const whole: readonly JobFrame[] = [
    ...expected,
    { kind: 'lost' },
    { kind: 'err', text: 'a\nb' },
    { kind: 'code', code: 7, claimedMs: 10_000, endedMs: 12_000 },
    { kind: 'out', text: '' },
    { kind: 'end' },
  ]
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: text.length })), (cuts) => {
      const at = [0, ...cuts.toSorted((left, right) => left - right), text.length]
      expect(framesOf(at.slice(1).map((end, i) => text.subarray(at[i], end)))).toEqual(whole)
    }),
  )
})

test('anything else is refused, not guessed at', () => {
  expect(() => framesOf([Buffer.from('attached 1 old\nhello\n')])).toThrow(/hello/)
})
