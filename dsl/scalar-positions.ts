import type { YamlNode } from './read-yaml.ts'
import type { Range, Source } from './source.ts'

export type ScalarNode = Extract<YamlNode, { readonly kind: 'scalar' }>

/**
 * Where each character of a scalar's value stands in the file: quotes, escapes, folded lines and the
 * indentation of blocks are stepped over. Returns a function from an offset in the value to one in the file.
 */
export function positionsIn(source: Source, node: ScalarNode): (offset: number) => number {
  if (typeof node.value !== 'string') return () => node.range.start
  const map = align(source.text, node, node.value)
  return (offset) => map[offset] ?? map.at(-1) ?? node.range.start
}

/** The range in the file of a piece of a scalar's value. */
export function rangeInside(source: Source, node: ScalarNode, piece: Range): Range {
  const position = positionsIn(source, node)
  const start = position(piece.start)
  if (piece.end <= piece.start) return { start, end: start + 1 }
  const end = position(piece.end - 1) + 1
  return { start, end: sameLine(source.text, start, end) ? end : lineEnd(source.text, start) }
}

function sameLine(text: string, start: number, end: number): boolean {
  return start < end && !text.slice(start, end).includes('\n')
}

function lineEnd(text: string, start: number): number {
  const end = text.indexOf('\n', start)
  return end < 0 ? text.length : end
}

/** Walks value and text in step; where they part in a way not foreseen, later characters stay at that place. */
function align(text: string, node: ScalarNode, value: string): readonly number[] {
  const quoted = node.style === 'single' || node.style === 'double'
  let at = quoted ? node.range.start + 1 : contentStart(text, node)
  const map: number[] = []
  for (let index = 0; index < value.length; index++) {
    const step = match(text, at, value, index, node.style)
    if (step === undefined) break
    map.push(step.at)
    if (step.wide && index + 1 < value.length) {
      map.push(step.at)
      index++
    }
    at = step.next
  }
  map.push(at)
  return map
}

/** After a block's header (`|2-  # why`): the first line that is not blank, without its indentation. */
function contentStart(text: string, node: ScalarNode): number {
  if (node.style !== 'literal' && node.style !== 'folded') return node.range.start
  return skipSpaces(text, lineEnd(text, node.range.start) + 1)
}

function skipSpaces(text: string, from: number): number {
  let at = from
  while (text[at] === ' ' || text[at] === '\t') at++
  return at
}

interface Step {
  readonly at: number
  readonly next: number
  /** The one escape stands for two UTF-16 units. */
  readonly wide?: boolean
}

function match(
  text: string,
  from: number,
  value: string,
  index: number,
  style: ScalarNode['style'],
): Step | undefined {
  const wanted = value[index]
  const at = style === 'double' ? afterContinuation(text, from) : from
  if (style === 'double' && text[at] === '\\') return escapeAt(text, at)
  if (style === 'single' && wanted === "'" && text.startsWith("''", at)) return { at, next: at + 2 }
  if (wanted === ' ' || wanted === '\n') return blankAt(text, at, wanted, style)
  return text[at] === wanted ? { at, next: at + 1 } : undefined
}

function afterContinuation(text: string, from: number): number {
  let at = from
  while (text.startsWith('\\\n', at) || text.startsWith('\\\r\n', at))
    at = skipSpaces(text, text.indexOf('\n', at) + 1)
  return at
}

const escapeLengths: Readonly<Record<string, number>> = { x: 4, u: 6, U: 10 }

function escapeAt(text: string, at: number): Step {
  const length = escapeLengths[text[at + 1] ?? ''] ?? 2
  const wide = length === 10 && Number.parseInt(text.slice(at + 2, at + 10), 16) > 0xffff
  return { at, next: at + length, wide }
}

/** A space or line break of the value: itself, or lines folded into it. */
function blankAt(text: string, at: number, wanted: string, style: ScalarNode['style']): Step | undefined {
  if (style === 'literal' || style === 'folded') return blankInBlock(text, at, wanted)
  const blanks = skipSpaces(text, at)
  const folds = text[blanks] === '\n' || text[blanks] === '\r'
  if (!folds) return text[at] === wanted ? { at, next: at + 1 } : undefined
  return { at, next: wanted === '\n' ? afterOneBreak(text, blanks) : skipBlanks(text, blanks) }
}

function blankInBlock(text: string, at: number, wanted: string): Step | undefined {
  if (text[at] === wanted && wanted === ' ') return { at, next: at + 1 }
  const breakAt = text[at] === '\r' ? at + 1 : at
  if (text[breakAt] !== '\n') return undefined
  return { at, next: skipSpaces(text, breakAt + 1) }
}

function skipBlanks(text: string, from: number): number {
  let at = from
  while (text[at] === ' ' || text[at] === '\t' || text[at] === '\n' || text[at] === '\r') at++
  return at
}

/** `n` line breaks of a folded scalar are `n + 1` in the file; the last takes the spare one and the indentation. */
function afterOneBreak(text: string, at: number): number {
  const next = skipSpaces(text, text.indexOf('\n', at) + 1)
  const blankLines = /^(?:[ \t]*\r?\n)*/.exec(text.slice(next))?.[0] ?? ''
  return blankLines.split('\n').length > 2 ? next : skipBlanks(text, next)
}
