import { table } from './table.ts'
import { plainLine, wrapped } from './terminal.ts'

/** What a run gave back, as lines. Not cut: paths are to be copied, and nothing is drawn over the end of a run. */
export function outputLines(given: Readonly<Record<string, unknown>>, columns: number): readonly string[] {
  const outputs = Object.entries(given)
  const width = Math.max(0, ...outputs.map(([name]) => name.length))
  return outputs.flatMap(([name, value]) => {
    const lines = isTexts(value) ? value.flatMap((item) => itemLines(item, columns - 4)) : rowLines(value)
    return lines.length > 0
      ? [`  ${name}`, ...lines.map((line) => `    ${line}`)]
      : [`  ${name.padEnd(width)}  ${plainLine(outputText(value))}`]
  })
}

/** A list of texts is read line by line; what else there is, as it is. */
function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string')
}

/** A list of plain objects is a table; moments (`startedMs`) are for machines, and left to `--json`. */
function rowLines(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length === 0 || !value.every(isPlain)) return []
  const keys = [...new Set(value.flatMap(Object.keys))].filter((key) => !key.endsWith('Ms'))
  if (keys.length === 0) return []
  const rows = value.map((row) => keys.map((key) => String(row[key] ?? '')))
  return table(keys.map(plainLine), rows, Infinity).split('\n')
}

const isPlain = (row: unknown): row is Readonly<Record<string, string | number | boolean>> =>
  typeof row === 'object' &&
  row !== null &&
  !Array.isArray(row) &&
  Object.values(row).every((value) => ['string', 'number', 'boolean'].includes(typeof value))

function outputText(value: unknown): string {
  if (typeof value === 'string') return value
  return Array.isArray(value) && value.length === 0 ? 'none' : (JSON.stringify(value) ?? '')
}

/** Blanks are kept, and the lines of a table not broken, because its columns stand below one another. */
function itemLines(item: string, columns: number): readonly string[] {
  const line = item.replace(/[\n\r\t\p{C}]+/gu, ' ').trimEnd()
  if (line.length <= columns || /\S {2,}\S/.test(line)) return [line]
  return wrapped(line, columns - 2).map((part, at) => (at === 0 ? part : `  ${part}`))
}
