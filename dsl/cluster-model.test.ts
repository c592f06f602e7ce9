import { describe, expect, test } from '@jest/globals'
import * as models from './cluster-model.ts'

const { standingOf, differencesOf } = models

const member = (name: string, host: string) => ({
  name,
  id: name,
  host,
  learner: false,
  up: true,
  version: '3.5.0',
})
const three: models.ClusterModel = {
  leader: 'm1',
  members: [member('m1', 'h1'), member('m2', 'h2'), member('m3', 'h3')],
}

describe('how many may fail', () => {
  test.each<
    [
      string,
      (model: models.ClusterModel) => models.ClusterModel,
      [voters: number, up: number, margin: number],
    ]
  >([
    ['as it is', (model) => model, [3, 3, 1]],
    ['with one stopped', (model) => models.memberStopped(model, 'h2'), [3, 2, 0]],
    [
      'with two stopped',
      (model) => models.memberStopped(models.memberStopped(model, 'h2'), 'h3'),
      [3, 1, -1],
    ],
    [
      'stopped and started',
      (model) => models.memberStarted(models.memberStopped(model, 'h2'), 'h2'),
      [3, 3, 1],
    ],
    [
      'a learner counts nothing',
      (model) => models.memberAdded(model, { name: 'm4', host: 'h4', learner: true }),
      [3, 3, 1],
    ],
    [
      'a voter that has not started counts against it',
      (model) => models.memberAdded(model, { name: 'm4', host: 'h4', learner: false }),
      [4, 3, 0],
    ],
    [
      'promoted',
      (model) =>
        models.memberPromoted(
          models.memberStarted(models.memberAdded(model, { name: 'm4', host: 'h4', learner: true }), 'h4'),
          'm4',
        ),
      [4, 4, 1],
    ],
    ['one gone', (model) => models.memberGone(model, 'm3'), [2, 2, 0]],
    ['one alone', (model) => models.aloneOn(model, 'h2'), [1, 1, 0]],
  ])('%s', (_what, change, [voters, up, margin]) => {
    expect(standingOf(change(three))).toEqual({ voters, up, margin })
  })
})

describe('what is another afterwards', () => {
  test('a move, an upgrade, a new one and one that is gone', () => {
    const moved = models.memberMoved(three, 'm2', 'h4')
    const upgraded = models.memberStarted(models.versionStaged(moved, 'h1', '3.6.0'), 'h1')
    const grown = models.memberAdded(upgraded, { name: 'm5', host: 'h5', learner: true })
    expect(differencesOf(three, models.memberGone(grown, 'm3'))).toEqual([
      { kind: 'changed', member: 'm1', what: ['version 3.5.0 → 3.6.0'] },
      { kind: 'changed', member: 'm2', what: ['host h2 → h4'] },
      { kind: 'removed', member: 'm3', what: ['on h3'] },
      { kind: 'added', member: 'm5', what: ['on h5, a learner'] },
    ])
  })

  test('a version that was put there and not started yet is a difference all the same', () => {
    expect(models.sameModel(three, models.versionStaged(three, 'h1', '3.6.0'))).toBe(false)
    expect(models.sameModel(three, models.memberStarted(models.memberStopped(three, 'h2'), 'h2'))).toBe(true)
  })

  test('who stops leading leaves it open who leads', () => {
    expect(models.memberStopped(three, 'h1').leader).toBe('')
    expect(models.memberStopped(three, 'h2').leader).toBe('m1')
  })
})
