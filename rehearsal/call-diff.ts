import type { ActionCall } from '../workflows/ports.ts'
import { callText, type ExpectedCall, expectedText, isCall } from './calls.ts'

/** What is expected beside what was called: `-` only expected, `+` only called. Nothing when they are the same. */
export function callDiff(
  expected: readonly ExpectedCall[],
  calls: readonly ActionCall[],
): readonly string[] | undefined {
  const common = commonLengths(expected, calls)
  const lines: string[] = []
  let [row, column] = [0, 0]
  let same = true
  while (row < expected.length || column < calls.length) {
    const [wanted, call] = [expected[row], calls[column]]
    if (wanted && call && isCall(wanted, call)) {
      lines.push(`  ${callText(call)}`)
      row++
      column++
      continue
    }
    same = false
    const skipWanted =
      wanted !== undefined && (!call || at(common, row + 1, column) >= at(common, row, column + 1))
    if (skipWanted) lines.push(`- ${expectedText(wanted)}`)
    else if (call) lines.push(`+ ${callText(call)}`)
    if (skipWanted) row++
    else column++
  }
  return same ? undefined : shortened(lines)
}

/** How many of the calls from here on are the expected ones, by the two places. */
function commonLengths(expected: readonly ExpectedCall[], calls: readonly ActionCall[]): readonly number[][] {
  const table = Array.from({ length: expected.length + 1 }, () => Array<number>(calls.length + 1).fill(0))
  for (const [row, wanted] of [...expected.entries()].toReversed()) {
    for (const [column, call] of [...calls.entries()].toReversed()) {
      const both = isCall(wanted, call) ? at(table, row + 1, column + 1) + 1 : 0
      const rowOf = table[row]
      if (rowOf) rowOf[column] = Math.max(both, at(table, row + 1, column), at(table, row, column + 1))
    }
  }
  return table
}

const at = (table: readonly (readonly number[])[], row: number, column: number): number =>
  table[row]?.[column] ?? 0

const around = 3

/** Of long stretches that are the same only what lies next to a difference. */
function shortened(lines: readonly string[]): readonly string[] {
  const near = lines.map((_, index) =>
    lines.slice(Math.max(0, index - around), index + around + 1).some((line) => !line.startsWith(' ')),
  )
  return lines.flatMap((line, index) => {
    if (near[index] === true) return [line]
    return index === 0 || near[index - 1] === true ? ['  …'] : []
  })
}
