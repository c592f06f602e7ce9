import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { openScreen } from './screen.ts'
import { table } from './table.ts'
import { elapsed, fitted, fittedStyled, plainLine, styled, wrapped } from './terminal.ts'

test.each([
  [0, '0.0 s'],
  [-50, '0.0 s'],
  [840, '0.8 s'],
  [59_940, '59.9 s'],
  [59_960, '1 min 00 s'],
  [125_400, '2 min 05 s'],
  [3_599_600, '1 h 00 min'],
  [11_520_000, '3 h 12 min'],
])('%i ms are %s', (ms, text) => {
  expect(elapsed(ms)).toBe(text)
})

describe('laws of text', () => {
  test('no wrapped line is longer than asked for, and no word gets lost', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 10, max: 120 }), (text, columns) => {
        const lines = wrapped(text, columns)
        expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns)
        expect(lines.join('').replaceAll(' ', '')).toBe(plainLine(text).replaceAll(' ', ''))
      }),
    )
  })
  test('what is cut with its styles is never longer than asked for', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.integer({ min: 1, max: 50 }), (texts, columns) => {
        const plain = texts.map(plainLine)
        const line = plain.map((text, at) => (at % 2 === 0 ? text : styled(text, 'bold', true))).join('')
        // oxlint-disable-next-line no-control-regex -- the styles are what is taken out
        const cut = fittedStyled(line, columns).replace(/\u001b\[\d+m/g, '')
        expect(cut.length).toBe(Math.min(columns, plain.join('').length))
      }),
    )
  })
  test('what fits is left alone, what does not ends in an ellipsis', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 50 }), (text, columns) => {
        const cut = fitted(text, columns)
        expect(cut.length).toBeLessThanOrEqual(columns)
        expect(cut === text || cut.endsWith('…')).toBe(true)
      }),
    )
  })
  test('a plain line has nothing that a terminal would act on', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => expect(plainLine(text)).not.toMatch(/\p{C}/u)),
    )
  })
})

test.each([
  [['abc', 'def'], 6, 'abc|def'],
  [['abc', 'def'], 5, 'abc|d…'],
  [['abc', 'def'], 4, 'abc|…'],
  [['abc', 'def'], 3, 'ab…|'],
  [['abc', 'def'], 1, '…|'],
])('%j within %i columns is %j, with all its styles', ([left = '', right = ''], columns, expected) => {
  const [a = '', b = ''] = expected.split('|')
  const line = styled(left, 'red', true) + styled(right, 'dim', true)
  expect(fittedStyled(line, columns)).toBe(styled(a, 'red', true) + styled(b, 'dim', true))
})

test('a table has its columns one below another', () => {
  expect(
    table(
      ['A', 'LONGER'],
      [
        ['first', 'x'],
        ['b', 'y'],
      ],
      80,
    ),
  ).toBe('A      LONGER\nfirst  x\nb      y')
})

describe('a screen', () => {
  const recorded = () => {
    const written: string[] = []
    return { written, screen: openScreen({ write: (text) => void written.push(text) }) }
  }
  test('goes back up by just as many lines as it drew', () => {
    const { written, screen } = recorded()
    screen.draw(['a', 'b'])
    screen.draw(['a', 'c', 'd'])
    screen.draw(['e'])
    expect(written.slice(1).map((text) => /\[(\d+)A/.exec(text)?.[1])).toEqual([undefined, '2', '3'])
  })
  test('writes nothing when nothing changed', () => {
    const { written, screen } = recorded()
    screen.draw(['a'])
    screen.draw(['a'])
    expect(written).toHaveLength(2)
  })
  test('hides the cursor and gives it back', () => {
    const { written, screen } = recorded()
    screen.draw(['a'])
    screen.end()
    expect(written[0]).toBe('\u001b[?25l')
    expect(written.at(-1)).toBe('\u001b[?25h')
  })
})
