import type { Problem } from './problem.ts'

/**
 * Problems as a compiler prints them: `file:line:col CODE`, the sentence, the line with carets under the
 * exact place, the hint. `texts` holds the text of each file; without it a problem goes without its line.
 */
export function printProblems(problems: readonly Problem[], texts: ReadonlyMap<string, string>): string {
  return problems.map((problem) => printProblem(problem, texts.get(problem.file))).join('\n\n')
}

/** The same for machines: one object a problem, places counted from 1. */
export function problemsJson(problems: readonly Problem[]): string {
  return JSON.stringify({ problems }, null, 2)
}

function printProblem({ file, from, to, code, message, hint }: Problem, text: string | undefined): string {
  const line = text?.split(/\r?\n/, from.line)[from.line - 1]
  const end = to.line === from.line ? to.column : (line?.length ?? from.column) + 1
  const drawing = line === undefined ? [] : excerpt(line, from.line, from.column, end)
  const parts = [`${file}:${from.line}:${from.column} ${code}`, `  ${message}`, ...drawing]
  return [...parts, ...(hint === undefined ? [] : [`  ${hint}`])].join('\n')
}

const widest = 100

/** Long lines are cut around the place. Tabs stay tabs, so that the carets stand under what they mean. */
function excerpt(line: string, number: number, from: number, end: number): readonly string[] {
  const skipped = from > widest - 20 ? from - 40 : 0
  const start = skipped === 0 ? '' : '…'
  const shown = line.slice(skipped, skipped + widest)
  const before = shown.slice(0, from - 1 - skipped).replace(/[^\t]/g, ' ')
  const room = Math.max(1, shown.length - (from - 1 - skipped))
  const carets = '^'.repeat(Math.min(Math.max(1, end - from), room))
  const gutter = `${number}`.padStart(5)
  const rest = line.length > skipped + widest ? '…' : ''
  return [`${gutter} | ${start}${shown}${rest}`, `      | ${' '.repeat(start.length)}${before}${carets}`]
}
