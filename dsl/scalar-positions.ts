import type { YamlNode } from './yaml-node.ts'
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

/** How a scalar lies in the text: `indent` columns begin every line of a block and are none of its value. */
interface Layout {
  readonly text: string
  readonly value: string
  readonly style: ScalarNode['style']
  readonly indent: number
}

/** Walks value and text in step; where they part in a way not foreseen, later characters stay at that place. */
function align(text: string, node: ScalarNode, value: string): readonly number[] {
  const { at: first, indent } = contentStart(text, node, value)
  const layout: Layout = { text, value, style: node.style, indent }
  const map: number[] = []
  let at = first
  for (let index = 0; index < value.length; index++) {
    const step = match(layout, at, index)
    if (step === undefined) break
    map.push(step.at)
    if (step.wide === true) {
      map.push(step.at)
      index++
    }
    at = step.next
  }
  map.push(at)
  return map
}

function contentStart(
  text: string,
  node: ScalarNode,
  value: string,
): { readonly at: number; readonly indent: number } {
  const { start } = node.range
  if (node.style === 'plain') return { at: start, indent: 0 }
  if (node.style === 'single' || node.style === 'double') return { at: start + 1, indent: 0 }
  const firstLine = lineEnd(text, start) + 1
  const blank = /^(?:[ \t]*\r?\n)*/.exec(text.slice(firstLine))?.[0].length ?? 0
  const ownSpaces = /^\n*( *)/.exec(value)?.[1]?.length ?? 0
  const indent = Math.max(0, skipSpaces(text, firstLine + blank) - firstLine - blank - ownSpaces)
  return { at: value.startsWith('\n') ? firstLine : firstLine + indent, indent }
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

function match(layout: Layout, from: number, index: number): Step | undefined {
  const { text, value, style } = layout
  const wanted = value[index]
  const at = style === 'double' ? afterContinuation(text, from) : from
  if (style === 'double' && text[at] === '\\') return escapeAt(text, at)
  if (style === 'single' && wanted === "'" && text.startsWith("''", at)) return { at, next: at + 2 }
  if (wanted === ' ' || wanted === '\n') return blankAt(layout, at, index)
  return text[at] === wanted ? { at, next: at + 1 } : undefined
}

function afterContinuation(text: string, from: number): number {
  let at = from
  while (/^\\\r?\n/.test(text.slice(at, at + 3))) at = skipSpaces(text, text.indexOf('\n', at) + 1)
  return at
}

const escapeLengths: Readonly<Record<string, number>> = { x: 4, u: 6, U: 10 }

function escapeAt(text: string, at: number): Step {
  const length = escapeLengths[text[at + 1] ?? ''] ?? 2
  const wide = length === 10 && Number.parseInt(text.slice(at + 2, at + 10), 16) > 0xffff
  return { at, next: at + length, wide }
}

/** A space or line break of the value: itself in the text, or lines folded into it. */
function blankAt(layout: Layout, at: number, index: number): Step | undefined {
  const { text, value, style, indent } = layout
  const inBlock = style === 'literal' || style === 'folded'
  const breakAt = inBlock ? at : skipSpaces(text, at)
  const breaks = /^(?:[ \t]*\r?\n)*/.exec(text.slice(breakAt))?.[0] ?? ''
  if (breaks === '') return text[at] === value[index] ? { at, next: at + 1 } : undefined
  const inText = breaks.split('\n').length - 1
  const inValue = /^\n*/.exec(value.slice(index))?.[0].length ?? 0
  const taken = inValue === 0 ? inText : Math.max(1, inText - inValue + 1)
  return { at, next: afterBreaks(text, breakAt, taken, inBlock ? indent : Infinity) }
}

/** Past so many line breaks, and at most `indent` columns into the line after them. */
function afterBreaks(text: string, from: number, count: number, indent: number): number {
  let at = from
  for (let taken = 0; taken < count; taken++) at = text.indexOf('\n', at) + 1
  return Math.min(skipSpaces(text, at), at + indent)
}
