import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  type Document,
  type Node,
  type Pair,
  type Scalar,
  type YAMLError,
  type YAMLMap,
} from 'yaml'
import type { Code } from './codes.ts'
import type { Checked, Problem } from './problem.ts'
import type { Json } from './program.ts'
import { problemAt, sourceOf, sortProblems, type Range, type Source } from './source.ts'

/** A YAML file as plain data that knows where it stands. */
export type YamlNode =
  | { readonly kind: 'map'; readonly range: Range; readonly entries: readonly YamlEntry[] }
  | { readonly kind: 'list'; readonly range: Range; readonly items: readonly YamlNode[] }
  | {
      readonly kind: 'scalar'
      readonly range: Range
      readonly value: null | boolean | number | string
      /** As it is written: tells how characters of the value lie in the text. */
      readonly style: ScalarStyle
    }

export type ScalarStyle = 'plain' | 'single' | 'double' | 'literal' | 'folded'

export interface YamlEntry {
  readonly key: string
  readonly keyRange: Range
  readonly value: YamlNode
}

export interface YamlFile {
  readonly source: Source
  readonly root: YamlNode
}

export type Path = readonly (string | number)[]

const mostBytes = 256 * 1024
const deepest = 64
/** Counted blindly, quotes and comments included, so it is above `deepest`; far below what a parser survives. */
const deepestBlind = 256
const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype'])

/**
 * Reads one YAML document without trusting it: nothing is thrown whatever the text is, and size and nesting
 * are looked at before the parser sees it (deep nesting can abort the process, yaml 2.9.1).
 */
export function readYaml(file: string, text: string): Checked<YamlFile> {
  const source = sourceOf(file, text)
  const unfit = tooBig(source) ?? blindlyTooDeep(source)
  if (unfit !== undefined) return { ok: false, problems: [unfit] }
  try {
    return convert(source, parse(text))
  } catch (error) {
    return { ok: false, problems: [problemAt(source, start, syntax(String(error)))] }
  }
}

/** The node at a path, or the deepest one on the way to it that exists. */
export function nodeAt(root: YamlNode, path: Path): YamlNode {
  let node = root
  for (const step of path) {
    const next = childOf(node, step)
    if (next === undefined) return node
    node = next
  }
  return node
}

export function childOf(node: YamlNode, step: string | number): YamlNode | undefined {
  if (node.kind === 'list') return typeof step === 'number' ? node.items[step] : undefined
  return entryOf(node, step)?.value
}

export function entryOf(node: YamlNode | undefined, key: string | number): YamlEntry | undefined {
  return node?.kind === 'map' ? node.entries.find((entry) => entry.key === key) : undefined
}

export function toJson(node: YamlNode): Json {
  if (node.kind === 'scalar') return node.value
  if (node.kind === 'list') return node.items.map(toJson)
  return Object.fromEntries(node.entries.map(({ key, value }) => [key, toJson(value)]))
}

const start: Range = { start: 0, end: 1 }

function tooBig(source: Source): Problem | undefined {
  const bytes = utf8Length(source.text)
  if (bytes <= mostBytes) return undefined
  const message = `The file has ${bytes} bytes; ${mostBytes} (256 KiB) is the most.`
  return problemAt(source, start, { code: 'FILE_TOO_BIG', message })
}

function utf8Length(text: string): number {
  if (text.length > mostBytes) return text.length
  let bytes = 0
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
  }
  return bytes
}

/** Looks at brackets and indentation alone, without knowing what is quoted: cheap, and never too late. */
function blindlyTooDeep(source: Source): Problem | undefined {
  return tooManyOpen(source) ?? tooFarIn(source)
}

function tooManyOpen(source: Source): Problem | undefined {
  let open = 0
  for (let at = 0; at < source.text.length; at++) {
    const character = source.text[at]
    if (character === '[' || character === '{') open++
    else if ((character === ']' || character === '}') && open > 0) open--
    if (open > deepestBlind) return tooDeep(source, { start: at, end: at + 1 })
  }
  return undefined
}

/** A level of block nesting costs at least a column of indentation or one of the marks `-`, `?` and `:`. */
function tooFarIn(source: Source): Problem | undefined {
  for (const lineStart of source.lineStarts) {
    let columns = 0
    while (columns <= deepestBlind && isIndent(source.text[lineStart + columns])) columns++
    const at = lineStart + columns
    if (columns > deepestBlind) return tooDeep(source, { start: at, end: at + 1 })
  }
  return undefined
}

function isIndent(character: string | undefined): boolean {
  return (
    character === ' ' || character === '\t' || character === '-' || character === '?' || character === ':'
  )
}

function tooDeep(source: Source, range: Range): Problem {
  const message = `Lists and maps are nested deeper than ${deepest} here.`
  return problemAt(source, range, { code: 'NESTED_TOO_DEEP', message })
}

function parse(text: string): Document.Parsed {
  return parseDocument(text, {
    version: '1.2',
    schema: 'core',
    strict: true,
    uniqueKeys: true,
    stringKeys: true,
    merge: false,
    prettyErrors: false,
    logLevel: 'error',
  })
}

const knownErrors: Readonly<Partial<Record<YAMLError['code'], Code>>> = {
  DUPLICATE_KEY: 'DUPLICATE_KEY',
  MULTIPLE_DOCS: 'MORE_THAN_ONE_DOCUMENT',
  NON_STRING_KEY: 'KEY_NOT_TEXT',
  TAG_RESOLVE_FAILED: 'TAG',
}

const wordings: Readonly<Partial<Record<Code, string>>> = {
  DUPLICATE_KEY: 'This key stands twice in the same map.',
  MORE_THAN_ONE_DOCUMENT: 'A second document begins here; a file holds one.',
  KEY_NOT_TEXT: 'Keys must be plain words.',
}

function convert(source: Source, document: Document.Parsed): Checked<YamlFile> {
  const problems = [...document.errors, ...document.warnings].map((error) => yamlProblem(source, error))
  const conversion: Conversion = { source, problems }
  const root = document.contents === null ? undefined : nodeOf(conversion, document.contents, 0)
  if (problems.length > 0) return { ok: false, problems: sortProblems(problems) }
  if (root === undefined || (root.kind === 'scalar' && root.value === null)) {
    const message = 'The file is empty.'
    return { ok: false, problems: [problemAt(source, start, { code: 'EMPTY_FILE', message })] }
  }
  return { ok: true, value: { source, root } }
}

function yamlProblem(source: Source, error: YAMLError): Problem {
  const code = knownErrors[error.code] ?? 'YAML_SYNTAX'
  const range = { start: error.pos[0], end: oneLineEnd(source.text, error.pos) }
  if (code === 'YAML_SYNTAX') return problemAt(source, range, syntax(error.message))
  return problemAt(source, range, { code, message: wordings[code] ?? `${error.message}.` })
}

function oneLineEnd(text: string, [from, to]: readonly [number, number]): number {
  const lineEnd = text.indexOf('\n', from)
  return lineEnd < 0 ? to : Math.min(to, lineEnd)
}

function syntax(message: string): { readonly code: Code; readonly message: string } {
  return { code: 'YAML_SYNTAX', message: `This is not YAML: ${message}.` }
}

interface Conversion {
  readonly source: Source
  readonly problems: Problem[]
}

function nodeOf(conversion: Conversion, node: Node, depth: number): YamlNode {
  const range = rangeOf(node)
  const complain = (code: Code, message: string, at = range) =>
    conversion.problems.push(problemAt(conversion.source, at, { code, message }))
  if (depth > deepest) {
    conversion.problems.push(tooDeep(conversion.source, range))
    return nothingAt(range)
  }
  if (isAlias(node)) {
    complain('ALIAS', `The alias "*${node.source}" is refused; write the value out.`)
    return nothingAt(range)
  }
  if (node.tag !== undefined) complain('TAG', `The tag "${shortTag(node.tag)}" is refused.`)
  if (isMap(node)) return { kind: 'map', range, entries: entriesOf(conversion, node, depth) }
  if (isSeq(node)) return { kind: 'list', range, items: itemsOf(conversion, node.items, range, depth) }
  if (isScalar(node)) return scalarOf(node, range, complain)
  return nothingAt(range)
}

function shortTag(tag: string): string {
  return tag.replace('tag:yaml.org,2002:', '!!')
}

function nothingAt(range: Range): YamlNode {
  return { kind: 'scalar', range, value: null, style: 'plain' }
}

function rangeOf(node: Node): Range {
  const [from, to] = node.range ?? [0, 0]
  return { start: from, end: to }
}

function itemsOf(
  conversion: Conversion,
  items: readonly unknown[],
  list: Range,
  depth: number,
): readonly YamlNode[] {
  return items.map((item) => (isNode(item) ? nodeOf(conversion, item, depth + 1) : nothingAt(list)))
}

function isNode(item: unknown): item is Node {
  return isAlias(item) || isMap(item) || isSeq(item) || isScalar(item)
}

function entriesOf(conversion: Conversion, map: YAMLMap, depth: number): readonly YamlEntry[] {
  return map.items.flatMap((pair) => entryFrom(conversion, pair, rangeOf(map), depth))
}

function entryFrom(conversion: Conversion, pair: Pair, map: Range, depth: number): readonly YamlEntry[] {
  const { key, value } = pair
  const keyRange = isNode(key) ? rangeOf(key) : map
  const complain = (code: Code, message: string) =>
    conversion.problems.push(problemAt(conversion.source, keyRange, { code, message }))
  if (!isScalar(key) || typeof key.value !== 'string') {
    complain('KEY_NOT_TEXT', 'Keys must be plain words.')
    return []
  }
  if (key.tag !== undefined) complain('TAG', `The tag "${shortTag(key.tag)}" is refused.`)
  if (forbiddenKeys.has(key.value)) {
    complain('FORBIDDEN_KEY', `"${key.value}" cannot be a key.`)
    return []
  }
  if (key.value === '<<' && key.type === 'PLAIN')
    complain('ALIAS', 'Merging with "<<" is refused; write the keys out.')
  const node = isNode(value) ? nodeOf(conversion, value, depth + 1) : nothingAt(keyRange)
  return [{ key: key.value, keyRange, value: node }]
}

const styles: Readonly<Record<string, ScalarStyle>> = {
  QUOTE_SINGLE: 'single',
  QUOTE_DOUBLE: 'double',
  BLOCK_LITERAL: 'literal',
  BLOCK_FOLDED: 'folded',
}

function scalarOf(node: Scalar, range: Range, complain: (code: Code, message: string) => void): YamlNode {
  const style = styles[node.type ?? ''] ?? 'plain'
  const value: unknown = node.value
  if (typeof value === 'number') {
    const exact = Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value)
    if (!exact)
      complain('NUMBER', `The number ${node.source ?? ''} cannot be kept exactly; quote it if it is text.`)
    return { kind: 'scalar', range, value: Object.is(value, -0) ? 0 : value, style }
  }
  if (value === null || typeof value === 'string' || typeof value === 'boolean') {
    return { kind: 'scalar', range, value, style }
  }
  complain('WRONG_TYPE', 'This is no text, number, boolean or null.')
  return nothingAt(range)
}
