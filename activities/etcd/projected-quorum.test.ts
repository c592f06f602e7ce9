import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { quorumOf } from './assess.ts'
import { projectedQuorum, type Seat, whyNotAdd, whyNotPromote, whyNotRemove } from './projected-quorum.ts'

/** `v` a voter that is well, `d` a dead one (or one that never started), `l` a learner, `x` a dead learner. */
function seats(kinds: string): readonly Seat[] {
  return kinds.split('').map((kind, index) => ({
    id: String(index),
    votes: kind === 'v' || kind === 'd',
    alive: kind === 'v' || kind === 'l',
  }))
}

describe('remove', () => {
  test.each<[situation: string, kinds: string, id: number, margin: number, refusal: RegExp | undefined]>([
    ['the only voter', 'v', 0, 0, /only voter/],
    ['the only voter beside a learner', 'vl', 0, 0, /only voter/],
    [
      'one of two: etcd would let it',
      'vv',
      1,
      1,
      /1 of 1 voter alive, quorum 1 would be left, which tolerates no failure/,
    ],
    ['one of two, asked for', 'vv', 1, 0, undefined],
    ['the living one of two', 'vd', 0, 0, /quorum is lost/],
    ['the dead one of two: nobody agrees on it', 'vd', 1, 0, /quorum is lost/],
    ['one of three', 'vvv', 2, 1, /2 of 2 voters alive, quorum 2 would be left/],
    ['one of three, asked for', 'vvv', 2, 0, undefined],
    ['the dead one of three', 'vvd', 2, 1, undefined],
    ['a living one of three beside a dead one', 'vvd', 1, 0, /others would have lost their quorum: 1 of 2/],
    ['one of four', 'vvvv', 3, 1, undefined],
    ['a dead one of four', 'vvvd', 3, 1, undefined],
    ['a living one of four beside a dead one', 'vvvd', 0, 1, /2 of 3 voters alive, quorum 2 would be left/],
    ['a living one of four beside a dead one, asked for', 'vvvd', 0, 0, undefined],
    ['one of five', 'vvvvv', 4, 1, undefined],
    ['a dead one of five', 'vvvvd', 4, 1, undefined],
    ['one of two dead ones of five', 'vvvdd', 4, 1, undefined],
    ['a living one of five beside two dead', 'vvvdd', 0, 0, /2 of 4 voters alive, quorum 3/],
    ['one of seven', 'vvvvvvv', 0, 1, undefined],
    ['the learner', 'vvvl', 3, 1, undefined],
    ['the dead learner of a single voter', 'vx', 1, 1, undefined],
    ['the learner without a quorum', 'vddl', 3, 1, /quorum is lost/],
    ['one that is not there', 'vvv', 9, 1, undefined],
  ])('%s', (_situation, kinds, id, margin, refusal) => {
    expect(whyNotRemove(seats(kinds), String(id), margin) ?? 'let').toMatch(refusal ?? /^let$/)
  })
})

describe('add', () => {
  test.each<[situation: string, kinds: string, learner: boolean, refusal: RegExp | undefined]>([
    ['a learner to one', 'v', true, undefined],
    [
      'a voter to one: both would be needed',
      'v',
      false,
      /1 of 2 voters alive, quorum 2 would be all.*stand still/,
    ],
    ['a voter to two', 'vv', false, undefined],
    ['a learner to three', 'vvv', true, undefined],
    ['a voter to three', 'vvv', false, undefined],
    ['a learner beside a dead voter', 'vvd', true, /only 2 of 3 voters are well/],
    ['a voter beside a dead voter', 'vvd', false, /only 2 of 3 voters are well/],
    ['a second learner', 'vvvl', true, /a learner already/],
    ['anything without a quorum', 'vdd', true, /quorum is lost/],
  ])('%s', (_situation, kinds, learner, refusal) => {
    expect(whyNotAdd(seats(kinds), learner) ?? 'let').toMatch(refusal ?? /^let$/)
  })
})

describe('promote', () => {
  test.each<[situation: string, kinds: string, id: number, refusal: RegExp | undefined]>([
    ['one to two: both are needed from then on', 'vl', 1, undefined],
    ['one to two with a dead learner', 'vx', 1, /not alive/],
    ['two to three', 'vvl', 2, undefined],
    ['two to three, one of them dead', 'vdl', 2, /quorum is lost/],
    ['three to four', 'vvvl', 3, undefined],
    ['three to four, one of them dead', 'vvdl', 3, /should it fail right then, 2 of 4 voters/],
    ['four to five, one of them dead', 'vvvdl', 4, undefined],
    ['a learner that is frozen', 'vvvx', 3, /not alive/],
    ['a voter', 'vvv', 2, undefined],
  ])('%s', (_situation, kinds, id, refusal) => {
    expect(whyNotPromote(seats(kinds), String(id)) ?? 'let').toMatch(refusal ?? /^let$/)
  })
})

const anyCluster = fc
  .array(fc.constantFrom('v', 'd', 'l', 'x'), { minLength: 1, maxLength: 9 })
  .map((kinds) => seats(kinds.join('')))

const withSeat = anyCluster.chain((all) => fc.tuple(fc.constant(all), fc.constantFrom(...all)))

test('a removal that is let never takes the quorum, nor the last voter', () => {
  fc.assert(
    fc.property(withSeat, fc.integer({ min: 0, max: 2 }), ([all, { id }], margin) => {
      fc.pre(whyNotRemove(all, id, margin) === undefined)
      const left = all.filter((seat) => seat.id !== id && seat.votes)
      expect(left.filter(({ alive }) => alive).length).toBeGreaterThanOrEqual(quorumOf(left.length))
      expect(left.length).toBeGreaterThan(0)
    }),
  )
})

test('what is let leaves a quorum in the worst moment; from one voter to two, in the moment after', () => {
  fc.assert(
    fc.property(anyCluster, fc.boolean(), (all, learner) => {
      fc.pre(whyNotAdd(all, learner) === undefined)
      expect(projectedQuorum(all, { kind: 'add', learner }).worst.margin).toBeGreaterThanOrEqual(0)
    }),
  )
  fc.assert(
    fc.property(withSeat, ([all, { id, votes }]) => {
      fc.pre(!votes && whyNotPromote(all, id) === undefined)
      const { before, worst, after } = projectedQuorum(all, { kind: 'promote', id })
      expect(after.margin).toBeGreaterThanOrEqual(0)
      if (before.voters > 1) expect(worst.margin).toBeGreaterThanOrEqual(0)
    }),
  )
})

test('a learner never changes what the quorum needs', () => {
  fc.assert(
    fc.property(anyCluster, (all) => {
      const { before, after } = projectedQuorum(all, { kind: 'add', learner: true })
      expect(after).toEqual(before)
    }),
  )
})
