import { readYaml } from './read-yaml.ts'
import type { Edited } from './move-member.ts'
import type { Range } from './source.ts'
import { entryOf, nodeAt, toJson, type YamlEntry, type YamlNode } from './yaml-node.ts'

export interface Joined {
  readonly cluster: string
  readonly member: string
  readonly host: string
}

export interface Left {
  readonly cluster: string
  readonly member: string
  /** Whether the host it ran on stays with the cluster, as a spare. */
  readonly keepHost: boolean
}

/**
 * The text of an inventory in which a member has joined a cluster, on a host that is no spare any more. All else
 * stays as it is, comments and layout included. One that is there already gives the same text.
 */
export function addMember(text: string, { cluster: name, member, host }: Joined): Edited {
  const found = clusterIn(text, name)
  if ('ok' in found) return found
  const { root, members, spares, people, free } = found
  if (people[member] === host) return { ok: true, text }
  if (people[member] !== undefined)
    return refused(`the inventory has "${member}" of cluster "${name}" on "${people[member]}" already`)
  if (entryOf(nodeAt(root, ['hosts']), host) === undefined)
    return refused(`the inventory has no host "${host}"`)
  const holder = Object.keys(people).find((other) => people[other] === host)
  if (holder !== undefined) return refused(`"${host}" is the host of "${holder}" in the inventory`)
  const edits = [
    ...withEntry(text, members.value, member, host),
    ...(spares ? withoutItem(text, spares, host) : []),
  ]
  return checked(text, edits, name, {
    members: { ...people, [member]: host },
    spares: free.filter((spare) => spare !== host),
  })
}

/** The text of an inventory in which a member has left its cluster. One that is gone already gives the same text. */
export function removeMember(text: string, { cluster: name, member, keepHost }: Left): Edited {
  const found = clusterIn(text, name)
  if ('ok' in found) return found
  const { members, spares, people, free } = found
  const { [member]: host, ...others } = people
  if (host === undefined) return { ok: true, text }
  if (Object.keys(others).length === 0)
    return refused(`"${member}" is the only member of cluster "${name}" in the inventory`)
  const freed = keepHost && !free.includes(host) ? [host] : []
  const edits = [
    ...withoutEntry(text, members.value, member),
    ...freed.flatMap((spare) => (spares ? withItem(text, spares.value, spare) : newSpares(members, spare))),
  ]
  return checked(text, edits, name, { members: others, spares: [...free, ...freed] })
}

interface Found {
  readonly root: YamlNode
  readonly members: YamlEntry
  readonly spares: YamlEntry | undefined
  readonly people: Readonly<Record<string, string>>
  readonly free: readonly string[]
}

function clusterIn(text: string, name: string): Found | Edited {
  const yaml = readYaml('inventory', text)
  if (!yaml.ok)
    return refused(`the inventory cannot be read: ${yaml.problems[0]?.message ?? 'it is no YAML'}`)
  const { root } = yaml.value
  const cluster = entryOf(nodeAt(root, ['clusters']), name)?.value
  const [members, spares] = [entryOf(cluster, 'members'), entryOf(cluster, 'spares')]
  if (members?.value.kind !== 'map') return refused(`the inventory has no cluster "${name}" with members`)
  const people = Object.fromEntries(members.value.entries.map(({ key, value }) => [key, wordOf(value)]))
  const free = spares?.value.kind === 'list' ? spares.value.items.map(wordOf) : []
  return { root, members, spares, people, free }
}

const wordOf = (node: YamlNode): string => (node.kind === 'scalar' ? String(node.value) : '')

function refused(message: string): Edited {
  return { ok: false, message }
}

interface Edit {
  readonly range: Range
  readonly text: string
}

const insert = (at: number, text: string): Edit => ({ range: { start: at, end: at }, text })

/** In a flow map behind the last entry, in a block on a line of its own that is indented as the one above. */
function withEntry(text: string, map: YamlNode, key: string, value: string): readonly Edit[] {
  if (map.kind !== 'map') return []
  const words = `${quoted(key)}: ${quoted(value)}`
  const last = map.entries.at(-1)
  if (!last) return [{ range: map.range, text: `{ ${words} }` }]
  if (text[map.range.start] === '{') return [insert(last.value.range.end, `, ${words}`)]
  return [insert(lineEnd(text, last.value.range.end), `\n${indentOf(text, last.keyRange.start)}${words}`)]
}

function withItem(text: string, list: YamlNode, word: string): readonly Edit[] {
  const last = list.kind === 'list' ? list.items.at(-1) : undefined
  if (!last) return [{ range: list.range, text: `[${quoted(word)}]` }]
  if (text[list.range.start] === '[') return [insert(last.range.end, `, ${quoted(word)}`)]
  const line = text.slice(lineStart(text, last.range.start), last.range.start)
  return [insert(lineEnd(text, last.range.end), `\n${line}${quoted(word)}`)]
}

function newSpares({ keyRange }: YamlEntry, word: string): readonly Edit[] {
  return [insert(keyRange.start, `spares: [${quoted(word)}], `)]
}

function withoutEntry(text: string, map: YamlNode, key: string): readonly Edit[] {
  if (map.kind !== 'map') return []
  const at = map.entries.findIndex((entry) => entry.key === key)
  const ranges = map.entries.map(({ keyRange, value }) => ({ start: keyRange.start, end: value.range.end }))
  return without(text, map, ranges, at)
}

function withoutItem(text: string, { keyRange, value: list }: YamlEntry, word: string): readonly Edit[] {
  if (list.kind !== 'list') return []
  const at = list.items.findIndex((item) => wordOf(item) === word)
  const ranges = list.items.map(({ range }) => range)
  const only = ranges[0]
  if (at === 0 && ranges.length === 1 && only && text[list.range.start] !== '[') {
    return [{ range: { start: keyRange.end, end: only.end }, text: ': []' }]
  }
  return without(text, list, ranges, at)
}

/** Takes one of several parts out: from a flow with its comma, from a block with its line. */
function without(text: string, node: YamlNode, parts: readonly Range[], at: number): readonly Edit[] {
  const [part, before, after] = [parts[at], parts[at - 1], parts[at + 1]]
  if (!part) return []
  const isFlow = text[node.range.start] === '{' || text[node.range.start] === '['
  if (!isFlow) {
    const start = lineStart(text, part.start)
    return [{ range: { start, end: Math.min(text.length, lineEnd(text, part.end) + 1) }, text: '' }]
  }
  if (before) return [{ range: { start: before.end, end: part.end }, text: '' }]
  return [{ range: { start: part.start, end: after ? after.start : part.end }, text: '' }]
}

function lineStart(text: string, at: number): number {
  return text.lastIndexOf('\n', at - 1) + 1
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at)
  return end < 0 ? text.length : end
}

function indentOf(text: string, at: number): string {
  return text.slice(lineStart(text, at), at)
}

interface Expected {
  readonly members: Readonly<Record<string, string>>
  readonly spares: readonly string[]
}

/** The edited text, if it reads as it should: a layout that was not foreseen is refused, never garbled. */
function checked(text: string, edits: readonly Edit[], cluster: string, expected: Expected): Edited {
  const edited = edits
    .toSorted((a, b) => b.range.start - a.range.start)
    .reduce(
      (result, { range, text: word }) => result.slice(0, range.start) + word + result.slice(range.end),
      text,
    )
  const found = [edited, blockSpares(edited)].find((candidate) => readsAs(candidate, cluster, expected))
  if (found !== undefined) return { ok: true, text: found }
  return refused('its layout is one that is not written to safely')
}

/** `spares: [h1], members:` is right within braces; on a line of its own each key has its own line. */
function blockSpares(text: string): string {
  return text.replace(/^( *)(spares: \[[^\]\n]*\]), (members:)/m, '$1$2\n$1$3')
}

function readsAs(text: string, cluster: string, expected: Expected): boolean {
  const found = clusterIn(text, cluster)
  if ('ok' in found) return false
  const now = { members: toJson(found.members.value), spares: found.spares ? toJson(found.spares.value) : [] }
  return same(now.members, expected.members) && same(now.spares, expected.spares)
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

/** Plain where YAML reads it as text. */
function quoted(word: string): string {
  return /^(?!(?:true|false|null|yes|no|on|off)$)[A-Za-z][A-Za-z0-9._-]*$/i.test(word)
    ? word
    : JSON.stringify(word)
}
