import { expect, test } from '@jest/globals'
import { createGroup } from './group.ts'

const settled = async (all: readonly Promise<void>[]): Promise<readonly string[]> =>
  (await Promise.allSettled(all)).map((one) => (one.status === 'fulfilled' ? 'done' : String(one.reason)))

test('what comes in one tick goes together, what comes meanwhile goes together next, never more than the most', async () => {
  const performed: (readonly number[])[] = []
  const group = createGroup<number>({
    perform: async (items) => {
      performed.push(items)
      await new Promise(setImmediate)
    },
    most: 3,
    isOfOne: () => false,
  })
  const first = [1, 2, 3, 4].map((item) => group.add(item))
  await first[0]
  const second = [5, 6].map((item) => group.add(item))
  await Promise.all([...first, ...second])
  await group.idle()
  expect(performed).toEqual([
    [1, 2, 3],
    [4, 5, 6],
  ])
})

test('one that cannot be done does not stop the others', async () => {
  const group = createGroup<number>({
    perform: async (items) => {
      if (items.includes(2)) throw new Error('not two')
    },
    most: 10,
    isOfOne: () => true,
  })
  expect(await settled([1, 2, 3].map((item) => group.add(item)))).toEqual(['done', 'Error: not two', 'done'])
})

test('where nothing can be done, each is told at once', async () => {
  let tries = 0
  const group = createGroup<number>({
    perform: async () => {
      tries++
      throw new Error('away')
    },
    most: 10,
    isOfOne: () => false,
  })
  expect(await settled([1, 2, 3].map((item) => group.add(item)))).toEqual(Array(3).fill('Error: away'))
  expect(tries).toBe(1)
  expect(await settled([group.add(4)])).toEqual(['Error: away'])
})
