import { isMap, isScalar, isSeq, parseDocument, type YAMLMap, type YAMLSeq } from 'yaml'
import type { EditedText } from './haproxy-config.ts'

interface Asked {
  readonly cluster: string
  /** `ADDRESS:PORT` each. */
  readonly targets: readonly string[]
  /** Whatever a member of the cluster may have been scraped at: by these a group is known to be the cluster's. */
  readonly formerTargets: readonly string[]
}

/**
 * The text of a file of targets (file_sd, JSON or YAML) in which the group of a cluster has exactly these
 * targets: the group labelled `etcd_cluster` with its name, else the one that lists a member of it, else a new
 * one. Its labels and all other groups stay byte for byte. Pure; applying it twice is applying it once.
 * Source: Prometheus' configuration reference, `file_sd_config`.
 */
export function withTargets(text: string, format: 'json' | 'yaml', asked: Asked): EditedText {
  if (text.trim() === '') return { ok: true, text: wholeFile(format, asked) }
  const document = parseDocument(text, format === 'json' ? { schema: 'json' } : {})
  const [broken] = document.errors
  const groups = document.contents
  if (broken !== undefined)
    return refused(`it cannot be read as ${format.toUpperCase()} (${broken.message.split('\n')[0]})`)
  if (groups === null) return { ok: true, text: text + wholeFile(format, asked) }
  if (!isSeq(groups)) return refused('it is no list of groups of targets')
  const list = groupOf(groups, asked)
  return { ok: true, text: list === undefined ? withGroup(text, groups, asked) : inPlace(text, list, asked) }
}

function refused(message: string): EditedText {
  return { ok: false, message }
}

function wholeFile(format: 'json' | 'yaml', { cluster, targets }: Asked): string {
  const group = { targets, labels: { [label]: cluster } }
  if (format === 'json') return `${JSON.stringify([group], null, 2)}\n`
  return `- targets: ${flowList(targets)}\n  labels: { ${label}: ${JSON.stringify(cluster)} }\n`
}

const label = 'etcd_cluster'

/** The list of targets of the cluster's group. */
function groupOf(groups: YAMLSeq, { cluster, targets, formerTargets }: Asked): YAMLSeq | undefined {
  const maps = groups.items.filter(isMap)
  const known = new Set([...targets, ...formerTargets])
  const labelled = maps.find((group) => group.getIn(['labels', label]) === cluster)
  const listed = maps.find(
    (group) =>
      group.getIn(['labels', label]) === undefined && targetsOf(group).some((target) => known.has(target)),
  )
  const list = (labelled ?? listed)?.get('targets')
  return isSeq(list) ? list : undefined
}

function targetsOf(group: YAMLMap): readonly string[] {
  const list = group.get('targets')
  if (!isSeq(list)) return []
  return list.items.flatMap((item) => (isScalar(item) && typeof item.value === 'string' ? [item.value] : []))
}

/** Its targets that stay keep their order. */
function inPlace(text: string, list: YAMLSeq, { targets }: Asked): string {
  const present = list.items.flatMap((item) => (isScalar(item) ? [String(item.value)] : []))
  const kept = present.filter((target) => targets.includes(target))
  const wanted = [...kept, ...targets.filter((target) => !kept.includes(target))]
  if (!list.range || wanted.join() === present.join()) return text
  const [start, end] = list.range
  if (list.flow) return text.slice(0, start) + flowList(wanted) + text.slice(end)
  const indent = ' '.repeat(start - (text.lastIndexOf('\n', start - 1) + 1))
  return text.slice(0, start) + wanted.map((target) => `- '${target}'\n`).join(indent) + text.slice(end)
}

function withGroup(text: string, groups: YAMLSeq, { cluster, targets }: Asked): string {
  const group = `{ "targets": ${flowList(targets)}, "labels": { "${label}": ${JSON.stringify(cluster)} } }`
  if (!groups.range) return text
  const [start, end] = groups.range
  if (!groups.flow) {
    const indent = ' '.repeat(start - (text.lastIndexOf('\n', start - 1) + 1))
    const gap = text.slice(0, end).endsWith('\n') ? '' : '\n'
    return `${text.slice(0, end)}${gap}${indent}- ${group}\n${text.slice(end)}`
  }
  const close = text.lastIndexOf(']', end)
  const inner = text.slice(0, close).trimEnd()
  return `${inner}${groups.items.length === 0 ? '' : ','}\n  ${group}\n${text.slice(close)}`
}

function flowList(targets: readonly string[]): string {
  return `[${targets.map((target) => JSON.stringify(target)).join(', ')}]`
}
