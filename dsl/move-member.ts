import { readYaml } from './read-yaml.ts'
import { childOf, entryOf, nodeAt, toJson, type YamlFile, type YamlNode } from './yaml-node.ts'
import type { Range } from './source.ts'

export interface Move {
  readonly cluster: string
  readonly member: string
  /** The host it runs on now: a spare of the cluster until now. */
  readonly to: string
}

export type Edited =
  | { readonly ok: true; readonly text: string }
  /** A sentence that says why the text was left as it is. */
  | { readonly ok: false; readonly message: string }

/**
 * The text of an inventory in which a member has moved: it runs on the new host, and the host it comes from
 * is a spare in the new one's place. All else, comments and layout included, stays byte for byte. Moving a
 * member to where it is already gives the same text.
 */
export function moveMember(text: string, move: Move): Edited {
  const yaml = readYaml('inventory', text)
  if (!yaml.ok)
    return refused(`the inventory cannot be read: ${yaml.problems[0]?.message ?? 'it is no YAML'}`)
  const cluster = childOf(nodeAt(yaml.value.root, ['clusters']), move.cluster)
  const member = childOf(childOf(cluster ?? yaml.value.root, 'members') ?? yaml.value.root, move.member)
  if (cluster === undefined || member?.kind !== 'scalar') {
    return refused(`the inventory has no member "${move.member}" of a cluster "${move.cluster}"`)
  }
  const from = String(member.value)
  if (from === move.to) return { ok: true, text }
  return edit(yaml.value, move, { from, member, spare: spareNode(cluster, move.to) })
}

function refused(message: string): Edited {
  return { ok: false, message }
}

function spareNode(cluster: YamlNode, host: string): YamlNode | undefined {
  const spares = childOf(cluster, 'spares')
  return spares?.kind === 'list'
    ? spares.items.find((item) => item.kind === 'scalar' && item.value === host)
    : undefined
}

interface Found {
  readonly from: string
  readonly member: YamlNode
  readonly spare: YamlNode | undefined
}

function edit(
  { source, root }: YamlFile,
  { cluster, member: name, to }: Move,
  { from, member, spare }: Found,
): Edited {
  if (entryOf(nodeAt(root, ['hosts']), to) === undefined) return refused(`the inventory has no host "${to}"`)
  if (spare === undefined) return refused(`"${to}" is no spare of cluster "${cluster}"`)
  const edits: readonly Edit[] = [
    { range: member.range, word: to },
    { range: spare.range, word: from },
  ]
  const text = spliced(source.text, edits)
  const again = readYaml('inventory', text)
  const now = again.ok ? toJson(nodeAt(again.value.root, ['clusters', cluster, 'members', name])) : undefined
  return now === to ? { ok: true, text } : refused(`"${to}" cannot be written in place of "${from}" there`)
}

interface Edit {
  readonly range: Range
  readonly word: string
}

function spliced(text: string, edits: readonly Edit[]): string {
  const backwards = edits.toSorted((a, b) => b.range.start - a.range.start)
  return backwards.reduce(
    (result, { range, word }) => result.slice(0, range.start) + quoted(word) + result.slice(range.end),
    text,
  )
}

/** Plain where YAML reads it as text. */
function quoted(word: string): string {
  return /^(?!(?:true|false|null|yes|no|on|off)$)[A-Za-z][A-Za-z0-9._-]*$/i.test(word)
    ? word
    : JSON.stringify(word)
}
