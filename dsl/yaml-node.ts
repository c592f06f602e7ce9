import type { Json } from './program.ts'
import type { Range, Source } from './source.ts'

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
