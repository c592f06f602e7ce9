import { bytesText } from '../../dsl/duration.ts'
import { unknownLag } from '../etcd/inspection.ts'
import { percent, reclaimableBytes } from './fragmentation.ts'
import type { HostSeen, Surveyed } from './survey-view.ts'

/** The cluster in one line. */
export function summaryOf({ cluster, etcd }: Surveyed): string {
  const healthy = etcd.members.filter(({ healthy: well }) => well).length
  const leads = etcd.leader === '' ? 'nobody leads' : `${etcd.leader} leads (term ${etcd.raftTerm})`
  const more =
    etcd.leader === ''
      ? 'the quorum is lost'
      : etcd.margin < 0
        ? `fewer are healthy than the quorum of ${etcd.quorum}`
        : `${etcd.margin} more may fail`
  const version =
    etcd.version === etcd.newestVersion ? etcd.version : `${etcd.version} to ${etcd.newestVersion}`
  return [
    `${cluster}: ${healthy} of ${etcd.members.length} members healthy`,
    leads,
    more,
    ...(version === '' ? [] : [`etcd ${version}`]),
    ...(etcd.revision > 0 ? [`revision ${etcd.revision}`] : []),
    ...(etcd.alarms.length > 0 ? [etcd.alarms.join(', ')] : []),
    ...(etcd.comparable ? [etcd.agree ? `data equal (hash ${etcd.hash})` : 'DATA DIFFERS'] : []),
  ].join(', ')
}

/** The members as the lines of a table. */
export function memberLines({ etcd, databases }: Surveyed): string[] {
  return table(
    ['member', 'host', 'state', 'version', 'lag', 'database', 'not in use', 'quota'],
    etcd.members.map((member) => {
      const database = databases.find((each) => each.member === member.name)
      const role = member.isLeader ? 'leader' : member.isLearner ? 'learner' : 'follower'
      const state = member.healthy ? role : member.reachable ? `${role}, NOT WELL` : 'DOWN'
      return [
        ...[member.name, member.host || member.peerHost || '?', state, member.version || '?'],
        member.lag === unknownLag ? '?' : String(member.lag),
        ...(database
          ? [
              bytesText(database.sizeBytes),
              percent(reclaimableBytes(database), database.sizeBytes),
              database.quotaBytes > 0
                ? `${percent(database.sizeBytes, database.quotaBytes)} of ${bytesText(database.quotaBytes)}`
                : '?',
            ]
          : ['?', '?', '?']),
      ]
    }),
  )
}

/** The hosts as the lines of a table. */
export function hostLines({ hosts }: Surveyed): string[] {
  return table(
    ['host', 'member', 'SSH', 'etcd', 'installed', 'disk free', 'clock', 'certificates'],
    hosts.map((host) =>
      host.reachable
        ? [
            ...[host.host, host.member || 'spare', 'yes', serviceText(host), host.version || 'none'],
            host.freeBytes < 0 ? '?' : `${bytesText(host.freeBytes)} of ${bytesText(host.diskBytes)}`,
            ...[clockText(host), certificateText(host)],
          ]
        : [host.host, host.member || 'spare', 'NO', '?', '?', '?', '?', '?'],
    ),
  ).concat(hosts.filter(({ reachable }) => !reachable).map(({ host, why }) => `${host} by SSH: ${why}`))
}

function serviceText({ member, service, fenced }: HostSeen): string {
  const expected = member === '' ? 'stopped' : 'running'
  const said = service === expected || service === 'unknown' ? service : service.toUpperCase()
  return fenced ? `${said}, fenced` : said
}

function clockText({ clockOffsetMs, clockWithinMs }: HostSeen): string {
  if (clockWithinMs < 0) return '?'
  if (Math.abs(clockOffsetMs) <= clockWithinMs) return `± ${clockWithinMs} ms`
  return `${clockOffsetMs > 0 ? '+' : '-'}${Math.abs(clockOffsetMs)} ms`
}

function certificateText({ certificates }: HostSeen): string {
  const days = Math.min(...certificates.map((each) => each.days))
  return certificates.length === 0 ? 'none' : days < 0 ? 'ENDED' : `${days} days`
}

/** Who reaches the peer port of whom. */
export function networkLines({ ways }: Surveyed): string[] {
  if (ways.length === 0) return ['No host could be asked whom it reaches.']
  const targets = [...new Set(ways.map(({ to }) => to))]
  const sources = [...new Set(ways.map(({ from }) => from))]
  if (ways.every(({ state }) => state === 'open'))
    return [`${sources.join(', ')}: each reaches the peer port of ${targets.join(', ')}.`]
  return table(
    ['from \\ to', ...targets],
    sources.map((from) => [
      from,
      ...targets.map((to) => {
        const state = ways.find((way) => way.from === from && way.to === to)?.state ?? 'unknown'
        return { open: 'yes', closed: 'NO', unknown: '?' }[state]
      }),
    ]),
  )
}

/** Columns are two blanks apart. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, at) => Math.max(...[head, ...rows].map((row) => (row[at] ?? title).length)))
  return [head, ...rows].map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
