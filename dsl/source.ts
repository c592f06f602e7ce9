import type { Code } from './codes.ts'
import type { Problem } from './problem.ts'
import type { Place } from './program.ts'

/** A file's text with what is needed to say where in it something stands. */
export interface Source {
  readonly file: string
  readonly text: string
  /** Offset of each line's first character. */
  readonly lineStarts: readonly number[]
}

/** Offsets into the text; `end` is one past the last character. */
export interface Range {
  readonly start: number
  readonly end: number
}

export function sourceOf(file: string, text: string): Source {
  const lineStarts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lineStarts.push(at + 1)
  return { file, text, lineStarts }
}

export function placeAt(source: Source, offset: number): Place {
  let low = 0
  let high = source.lineStarts.length - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((source.lineStarts[middle] ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  return { line: low + 1, column: offset - (source.lineStarts[low] ?? 0) + 1 }
}

export interface Complaint {
  readonly code: Code
  readonly message: string
  readonly hint?: string | undefined
}

export function problemAt(source: Source, range: Range, { code, message, hint }: Complaint): Problem {
  const from = placeAt(source, range.start)
  const to = placeAt(source, Math.max(range.end, range.start + 1))
  return { code, file: source.file, from, to, message, ...(hint === undefined ? {} : { hint }) }
}

/** By position, then by code; the same problem at the same place is said once. */
export function sortProblems(problems: readonly Problem[]): readonly Problem[] {
  const sorted = problems.toSorted(
    (a, b) =>
      compare(a.file, b.file) ||
      a.from.line - b.from.line ||
      a.from.column - b.from.column ||
      compare(a.code, b.code),
  )
  return sorted.filter((problem, index) => !sameProblem(problem, sorted[index - 1]))
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function sameProblem(problem: Problem, other: Problem | undefined): boolean {
  return (
    other !== undefined &&
    other.code === problem.code &&
    other.file === problem.file &&
    other.message === problem.message &&
    other.from.line === problem.from.line &&
    other.from.column === problem.from.column
  )
}
