import { fitted, plainLine } from './terminal.ts'

/** Columns as wide as they need to be; lines that are too long are cut at the end. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number,
): string {
  const all = [head, ...rows.map((row) => row.map(plainLine))]
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => fitted(line, Math.max(columns, 40)))
    .join('\n')
}
