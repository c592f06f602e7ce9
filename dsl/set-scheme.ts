import type { Edited } from './move-member.ts'
import { readYaml } from './read-yaml.ts'
import type { Range } from './source.ts'
import { childOf, entryOf, nodeAt, type YamlNode } from './yaml-node.ts'

export interface SchemeSet {
  readonly cluster: string
  readonly scheme: 'http' | 'https'
}

/**
 * The text of an inventory in which a cluster speaks another scheme: where its `etcd`, or that of one of its
 * hosts, says one, that is changed, else it is said under the cluster. All else stays, comments and layout
 * included. One that is right already gives the same text.
 */
export function setScheme(text: string, { cluster: name, scheme }: SchemeSet): Edited {
  const yaml = readYaml('inventory', text)
  if (!yaml.ok)
    return refused(`the inventory cannot be read: ${yaml.problems[0]?.message ?? 'it is no YAML'}`)
  const { root } = yaml.value
  const cluster = entryOf(nodeAt(root, ['clusters']), name)?.value
  if (cluster?.kind !== 'map') return refused(`the inventory has no cluster "${name}"`)
  const hosts = hostNames(cluster).map((host) => childOf(nodeAt(root, ['hosts']), host))
  const own = schemeOf(cluster)
  const said = [...(own ? [own] : []), ...hosts.flatMap((host) => (host && schemeOf(host)) ?? [])]
  const edits = [
    ...said.map(({ range }) => ({ range, text: scheme })),
    ...(own || schemeOfDefaults(root) === scheme ? [] : saidAnew(text, cluster, scheme)),
  ]
  const edited = edits
    .toSorted((a, b) => b.range.start - a.range.start)
    .reduce(
      (result, { range, text: word }) => result.slice(0, range.start) + word + result.slice(range.end),
      text,
    )
  return readsAs(edited, name, scheme)
    ? { ok: true, text: edited }
    : refused('its layout is one that is not written to safely')
}

function refused(message: string): Edited {
  return { ok: false, message }
}

function schemeOf(node: YamlNode): YamlNode | undefined {
  const etcd = childOf(node, 'etcd')
  return etcd && childOf(etcd, 'scheme')
}

function schemeOfDefaults(root: YamlNode): string {
  const node = schemeOf(nodeAt(root, ['defaults']))
  return node?.kind === 'scalar' ? String(node.value) : 'http'
}

function hostNames(cluster: YamlNode): readonly string[] {
  const members = childOf(cluster, 'members')
  const spares = childOf(cluster, 'spares')
  const nodes = [
    ...(members?.kind === 'map' ? members.entries.map(({ value }) => value) : []),
    ...(spares?.kind === 'list' ? spares.items : []),
  ]
  return nodes.flatMap((node) => (node.kind === 'scalar' ? [String(node.value)] : []))
}

interface Edit {
  readonly range: Range
  readonly text: string
}

/** In the cluster's `etcd`, or in one that is put before its first key, in braces as in lines. */
function saidAnew(text: string, cluster: YamlNode, scheme: string): readonly Edit[] {
  const etcd = childOf(cluster, 'etcd')
  const [words, node] =
    etcd?.kind === 'map' && etcd.entries.length > 0
      ? [`scheme: ${scheme}`, etcd]
      : [`etcd: { scheme: ${scheme} }`, cluster]
  const first = node.kind === 'map' ? node.entries[0] : undefined
  if (!first) return []
  const at = first.keyRange.start
  const indent = text.slice(text.lastIndexOf('\n', at - 1) + 1, at)
  const between = text[node.range.start] === '{' ? ', ' : `\n${indent}`
  return [{ range: { start: at, end: at }, text: `${words}${between}` }]
}

function readsAs(text: string, name: string, scheme: string): boolean {
  const yaml = readYaml('inventory', text)
  if (!yaml.ok) return false
  const { root } = yaml.value
  const cluster = entryOf(nodeAt(root, ['clusters']), name)?.value
  if (!cluster) return false
  const own = schemeOf(cluster)
  const ownText = own?.kind === 'scalar' ? own.value : schemeOfDefaults(root)
  const hosts = hostNames(cluster).flatMap((host) => {
    const node = childOf(nodeAt(root, ['hosts']), host)
    const said = node && schemeOf(node)
    return said?.kind === 'scalar' ? [said.value] : []
  })
  return [ownText, ...hosts].every((each) => each === scheme)
}
