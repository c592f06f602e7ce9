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
import { deepest, tooDeep, unfit } from './fit-to-parse.ts'
import { problemAt, sourceOf, sortProblems, type Complaint, type Range, type Source } from './source.ts'
import type { ScalarStyle, YamlEntry, YamlFile, YamlNode } from './yaml-node.ts'

const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype'])

/**
 * Reads one YAML document without trusting it: nothing is thrown whatever the text is, and size and nesting
 * are looked at before the parser sees it (deep nesting can abort the process, yaml 2.9.1).
 */
export function readYaml(file: string, text: string): Checked<YamlFile> {
  const source = sourceOf(file, text)
  const refused = unfit(source)
  if (refused !== undefined) return { ok: false, problems: [refused] }
  try {
    return convert(source, parse(text))
  } catch (error) {
    return { ok: false, problems: [problemAt(source, start, syntax(String(error)))] }
  }
}

const start: Range = { start: 0, end: 1 }

function parse(text: string): Document.Parsed {
  return parseDocument(text, {
    version: '1.2',
    schema: 'core',
    strict: true,
    // yaml compares every key with every other; `entriesOf` needs one look a key.
    uniqueKeys: false,
    stringKeys: true,
    merge: false,
    prettyErrors: false,
    logLevel: 'error',
  })
}

/** The parser's; after so many the rest says nothing new. */
const mostErrors = 50

const knownErrors: Readonly<Partial<Record<YAMLError['code'], Code>>> = {
  MULTIPLE_DOCS: 'MORE_THAN_ONE_DOCUMENT',
  NON_STRING_KEY: 'KEY_NOT_TEXT',
  TAG_RESOLVE_FAILED: 'TAG',
}

const wordings: Readonly<Partial<Record<Code, string>>> = {
  MORE_THAN_ONE_DOCUMENT: 'A second document begins here; a file holds one.',
  KEY_NOT_TEXT: 'Keys must be plain words.',
}

function convert(source: Source, document: Document.Parsed): Checked<YamlFile> {
  const errors = [...document.errors, ...document.warnings].slice(0, mostErrors)
  const problems = errors.map((error) => yamlProblem(source, error))
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

function syntax(message: string): Complaint {
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
  const entries = map.items.flatMap((pair) => entryFrom(conversion, pair, rangeOf(map), depth))
  const seen = new Set<string>()
  return entries.filter(({ key, keyRange }) => {
    const first = !seen.has(key)
    seen.add(key)
    if (!first) conversion.problems.push(problemAt(conversion.source, keyRange, twice(key)))
    return first
  })
}

function twice(key: string): Complaint {
  return { code: 'DUPLICATE_KEY', message: `The key "${key}" stands twice in the same map.` }
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
