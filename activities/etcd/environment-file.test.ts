import { expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import { readVariables, setVariables } from './environment-file.ts'

test('only what changes is changed: comments, order, quoting and unknown variables stay', () => {
  const before = '# ours\nETCD_NAME=a\nexport ETCD_DATA_DIR="/old"\n\nOTHER=\'x y\' # why\nETCD_QUOTA=1\n'
  expect(setVariables(before, { ETCD_NAME: 'a', ETCD_DATA_DIR: '/new dir', ETCD_TOKEN: 't' })).toBe(
    '# ours\nETCD_NAME=a\nexport ETCD_DATA_DIR="/new dir"\n\nOTHER=\'x y\' # why\nETCD_QUOTA=1\nETCD_TOKEN=t\n',
  )
})

test('what is set is what is read, whatever it holds', () => {
  const value = fc.string({ unit: 'grapheme-ascii' })
  fc.assert(
    fc.property(value, value, (first, second) => {
      const text = setVariables(setVariables('# head\nA=1\n', { B: first }), { A: second })
      expect(readVariables(text)).toEqual(
        new Map([
          ['A', second],
          ['B', first],
        ]),
      )
    }),
  )
})
