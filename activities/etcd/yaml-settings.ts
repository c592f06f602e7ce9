import { readYaml } from '../../dsl/read-yaml.ts'
import { entryOf, type YamlEntry, type YamlNode } from '../../dsl/yaml-node.ts'
import { ActionError } from '../failure.ts'
import { durationText, nanoseconds } from './go-duration.ts'
import { type Edit, type SettingChanges, spliced } from './settings-text.ts'

/**
 * etcd's own configuration file. Its keys are called like flags, but for TLS, which has a map for clients and
 * one for peers. A member started with such a file reads no flags and no variables.
 * Source: etcd 3.4 to 3.7, `embed.Config` and `configYAML`; `etcd.conf.yml.sample`.
 */

export function yamlSettings(text: string): ReadonlyMap<string, string> {
  const root = rootOf(text)
  const settings = (root?.entries ?? []).flatMap(({ key, value }) =>
    value.kind === 'map'
      ? value.entries.flatMap((entry) => setting(flagAt(key, entry.key), entry.value))
      : setting(flagAt('', key), value),
  )
  return new Map(settings)
}

/** The text with its settings changed; comments, order and all other keys stay as they are. */
export function withYamlSettings(text: string, changes: SettingChanges): string {
  const present = yamlSettings(text)
  const real = Object.entries(changes).filter(([flag, value]) => (present.get(flag) ?? null) !== value)
  const sections = new Map<string, [string, string | null][]>()
  for (const [flag, value] of real) {
    const [section, key] = placeOf(flag)
    sections.set(section, [
      ...(sections.get(section) ?? []),
      [key, value === null ? null : yamlValue(flag, value)],
    ])
  }
  return [...sections].reduce((result, [section, entries]) => withEntries(result, section, entries), text)
}

type MapNode = Extract<YamlNode, { kind: 'map' }>

function rootOf(text: string): MapNode | undefined {
  const yaml = readYaml('etcd', text)
  if (yaml.ok) {
    const { root } = yaml.value
    if (root.kind === 'map') return root
    throw new ActionError('The configuration of etcd is YAML, but no map of settings.')
  }
  const [problem] = yaml.problems
  if (problem?.code === 'EMPTY_FILE') return undefined
  throw new ActionError(
    `The configuration of etcd cannot be read as YAML: line ${problem?.from.line ?? 1}: ${problem?.message ?? 'it is none.'}`,
  )
}

const tlsFlags = [
  ...['cert-file', 'key-file', 'client-cert-file', 'client-key-file', 'client-cert-auth'],
  ...['trusted-ca-file', 'auto-tls'],
]

type SettingPlace = readonly [section: string, key: string]

/** Section ("" for none) and key by the flag, where they differ from the flag itself. */
const places: ReadonlyMap<string, SettingPlace> = new Map<string, SettingPlace>([
  ...tlsFlags.map((flag): [string, SettingPlace] => [flag, ['client-transport-security', flag]]),
  ...[...tlsFlags, 'skip-client-san-verification'].map((flag): [string, SettingPlace] => [
    `peer-${flag}`,
    ['peer-transport-security', flag],
  ]),
  ...['reuse-port', 'reuse-address'].map((key): [string, SettingPlace] => [
    `socket-${key}`,
    ['socket-options', key],
  ]),
  ['experimental-snapshot-catchup-entries', ['', 'experimental-snapshot-catch-up-entries']],
])

function placeOf(flag: string): SettingPlace {
  return places.get(flag) ?? ['', flag]
}

function flagAt(section: string, key: string): string | undefined {
  const known = [...places].find(([, place]) => place[0] === section && place[1] === key)
  return known?.[0] ?? (section === '' && !places.has(key) ? key : undefined)
}

function setting(flag: string | undefined, node: YamlNode): readonly (readonly [string, string])[] {
  if (flag === undefined) return []
  if (node.kind === 'list') {
    return [
      [flag, node.items.map((item) => (item.kind === 'scalar' ? String(item.value ?? '') : '')).join(',')],
    ]
  }
  if (node.kind === 'map' || node.value === null) return []
  if (typeof node.value === 'number' && isDuration(flag)) return [[flag, durationText(node.value)]]
  return [[flag, node.style === 'plain' ? asBoolean(String(node.value)) : String(node.value)]]
}

/** etcd reads YAML 1.1, where these are booleans too. */
function asBoolean(text: string): string {
  if (/^(yes|on|y)$/i.test(text)) return 'true'
  return /^(no|off|n)$/i.test(text) ? 'false' : text
}

/** As a flag these are `5m`; in the file etcd takes nothing but a number of nanoseconds. */
function isDuration(flag: string): boolean {
  return (
    /-(interval|time|timeout|duration)$/.test(flag) && !/^(heartbeat-interval|election-timeout)$/.test(flag)
  )
}

const lists: ReadonlySet<string> = new Set(['cipher-suites', 'log-outputs'])

/** Text in the file even when it looks like a number or a boolean. */
const texts: ReadonlySet<string> = new Set([
  ...['name', 'data-dir', 'wal-dir', 'initial-cluster-token', 'auto-compaction-retention'],
  ...['discovery-srv', 'discovery-srv-name', 'feature-gates', 'host-whitelist', 'cors', 'auth-token'],
])

function yamlValue(flag: string, value: string): string {
  if (lists.has(flag))
    return `[${value
      .split(',')
      .map((item) => JSON.stringify(item))
      .join(', ')}]`
  const duration = isDuration(flag) ? nanoseconds(value) : undefined
  if (duration !== undefined) return String(duration)
  if (!texts.has(flag) && /^(true|false|0|[1-9]\d{0,15})$/.test(value)) return value
  const plain = /^[A-Za-z/][\w/.:=@+-]*$/.test(value) && !value.endsWith(':')
  return plain && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(value) ? value : JSON.stringify(value)
}

type Entries = readonly (readonly [key: string, value: string | null])[]

function withEntries(text: string, section: string, entries: Entries): string {
  const root = rootOf(text)
  if (section === '')
    return spliced(text, root ? mapEdits(text, root, entries) : appendedBlock(text, entries, ''))
  const holder = entryOf(root, section)
  if (holder?.value.kind === 'map') return spliced(text, mapEdits(text, holder.value, entries, holder))
  const wanted = entries.filter(([, value]) => value !== null)
  if (wanted.length === 0) return text
  if (!holder) return withNewSection(text, root, section, wanted)
  const { next, unended } = lineEnd(text, holder.keyRange.end)
  const lines = block(wanted, `${indentOf(text, holder)}  `)
  return spliced(text, [{ start: next, end: next, text: `${unended ? '\n' : ''}${lines}` }])
}

function withNewSection(text: string, root: MapNode | undefined, section: string, entries: Entries): string {
  if (root && isFlow(text, root)) {
    const inner = entries.map(([key, value]) => `${JSON.stringify(key)}: ${forFlow(value ?? '')}`).join(', ')
    return spliced(text, mapEdits(text, root, [[section, `{${inner}}`]]))
  }
  return spliced(text, appendedBlock(text, [], '', `${section}:\n${block(entries, '  ')}`))
}

function isFlow(text: string, { range }: YamlNode): boolean {
  return text[range.start] === '{'
}

/** Edits to one map. When nothing is left of a block it becomes `{}`, because etcd refuses a section without a value. */
function mapEdits(text: string, map: MapNode, entries: Entries, holder?: YamlEntry): readonly Edit[] {
  if (isFlow(text, map)) return [rewrittenFlow(text, map, entries)]
  const edits = entries.flatMap(([key, value]) => {
    const entry = entryOf(map, key)
    if (!entry) return []
    return [value === null ? dropped(text, entry) : written(text, entry, value)]
  })
  const missing = entries.filter(([key, value]) => value !== null && !entryOf(map, key))
  const gone = entries.filter(([key, value]) => value === null && entryOf(map, key)).length
  if (holder && gone === map.entries.length && missing.length === 0) {
    const colon = text.indexOf(':', holder.keyRange.end) + 1
    return [...edits, { start: colon, end: colon, text: ' {}' }]
  }
  if (missing.length === 0) return edits
  const last = map.entries.at(-1)
  if (!last) return edits
  const indent = indentOf(text, last)
  if (!holder) return [...edits, ...appendedBlock(text, missing, indent)]
  const { next, unended } = lineEnd(text, valueEnd(text, last))
  return [...edits, { start: next, end: next, text: `${unended ? '\n' : ''}${block(missing, indent)}` }]
}

function written(text: string, entry: YamlEntry, value: string): Edit {
  const { value: node, keyRange } = entry
  const empty = node.kind === 'scalar' && node.value === null && node.range.end <= node.range.start
  if (node.kind === 'list' && text[node.range.start] === '-') {
    return { start: text.indexOf(':', keyRange.end), end: valueEnd(text, entry), text: `: ${value}` }
  }
  if (empty || node.range.start <= keyRange.end) {
    const colon = text.indexOf(':', keyRange.end) + 1
    return { start: colon, end: colon, text: ` ${value}` }
  }
  return { start: node.range.start, end: valueEnd(text, entry), text: value }
}

function dropped(text: string, entry: YamlEntry): Edit {
  const start = text.lastIndexOf('\n', entry.keyRange.start - 1) + 1
  return { start, end: lineEnd(text, valueEnd(text, entry)).next, text: '' }
}

/** Without the blanks, line ends and comments after it, which a block's range takes in. */
function valueEnd(text: string, { value, keyRange }: YamlEntry): number {
  if (
    value.kind === 'scalar' &&
    (value.style === 'plain' || value.style === 'single' || value.style === 'double')
  ) {
    return Math.max(value.range.end, keyRange.end)
  }
  if (value.kind !== 'scalar' && text[value.range.start] !== '-' && !isFlow(text, value)) {
    const last = value.kind === 'map' ? value.entries.at(-1) : undefined
    return last ? valueEnd(text, last) : value.range.end
  }
  return text.slice(0, value.range.end).trimEnd().length
}

function lineEnd(text: string, from: number) {
  const at = text.indexOf('\n', from)
  return at < 0
    ? { end: text.length, next: text.length, unended: true }
    : { end: at, next: at + 1, unended: false }
}

function indentOf(text: string, { keyRange }: YamlEntry): string {
  return text.slice(text.lastIndexOf('\n', keyRange.start - 1) + 1, keyRange.start).replace(/\S.*$/, '')
}

function block(entries: Entries, indent: string): string {
  return entries.map(([key, value]) => `${indent}${key}: ${value}\n`).join('')
}

/** At the end of the document, before a mark that ends it. */
function appendedBlock(text: string, entries: Entries, indent: string, more = ''): readonly Edit[] {
  const wanted = entries.filter(([, value]) => value !== null)
  const mark = /^\.\.\.[ \t]*$/m.exec(text)
  const at = mark?.index ?? text.length
  const unended = at > 0 && text[at - 1] !== '\n'
  return [{ start: at, end: at, text: `${unended ? '\n' : ''}${block(wanted, indent)}${more}` }]
}

function rewrittenFlow(text: string, map: MapNode, entries: Entries): Edit {
  const changes = new Map(entries)
  const kept = map.entries.flatMap(({ key, keyRange, value }) => {
    const change = changes.get(key)
    if (change === null) return []
    const name = text.slice(keyRange.start, keyRange.end)
    return [
      `${name}: ${change === undefined ? text.slice(value.range.start, value.range.end) : forFlow(change)}`,
    ]
  })
  const added = entries.flatMap(([key, value]) =>
    value === null || entryOf(map, key) ? [] : [`${JSON.stringify(key)}: ${forFlow(value)}`],
  )
  return { ...map.range, end: closing(text, map), text: `{${[...kept, ...added].join(', ')}}` }
}

function closing(text: string, { range }: YamlNode): number {
  return text.slice(0, range.end).trimEnd().length
}

/** Plain words are no JSON, and a comma would end them. */
function forFlow(value: string): string {
  return /^["[{]|^(true|false|\d+)$/.test(value) ? value : JSON.stringify(value)
}
