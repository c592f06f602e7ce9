import { bytesText } from '../../dsl/duration.ts'
import type { Advice } from './survey-advice.ts'
import type { HostSeen, Surveyed } from './survey-view.ts'

/** What is wrong with hosts and between them. */
export function adviceOnHosts(seen: Surveyed): readonly Advice[] {
  return [
    ...unreachable(seen),
    ...network(seen),
    ...certificates(seen),
    ...disks(seen),
    ...clocks(seen.hosts),
  ]
}

function unreachable({ hosts, etcd }: Surveyed): readonly Advice[] {
  return hosts
    .filter(({ reachable }) => !reachable)
    .filter(({ member }) => member === '' || etcd.byName[member]?.reachable === true)
    .map(({ host, member, why }) => ({
      runbook: '',
      text: `${host}${member === '' ? ', a spare,' : ` serves (${member}), but`} does not answer over SSH, so no runbook can act on it: ${why}`,
    }))
}

/** Only of ports behind which something runs. */
function network({ hosts, ways }: Surveyed): readonly Advice[] {
  return hosts.flatMap(({ host: to, member, service }): Advice[] => {
    if (member === '') return []
    const others = ways.filter((way) => way.to === to && way.from !== to && way.state !== 'unknown')
    const closed = others.filter(({ state }) => state === 'closed').map(({ from }) => from)
    const open = others.filter(({ state }) => state === 'open').map(({ from }) => from)
    const own = ways.find((way) => way.to === to && way.from === to)?.state
    const serves = service === 'running' || own === 'open' || open.length > 0
    if (closed.length === 0 || !serves) return []
    const who = `${closed.join(', ')} ${closed.length > 1 ? 'do' : 'does'} not reach the peer port of ${to}`
    if (open.length > 0)
      return [
        {
          runbook: '',
          text: `${who}, which ${open.join(', ')} ${open.length > 1 ? 'reach' : 'reaches'}: look at firewalls and routes between them.`,
        },
      ]
    return [
      {
        runbook: '',
        text: `${who}${own === 'open' ? `, where it takes connections: look at the firewall of ${to} and at its network` : `, where etcd is said to run: it may hang, or listen on another address`}.`,
      },
    ]
  })
}

const soonDays = 30

function certificates({ cluster, hosts, certificates: own }: Surveyed): readonly Advice[] {
  const ofHosts = hosts.flatMap(({ host, certificates: all }) => all.map((each) => ({ ...each, host })))
  const ending = ofHosts.filter(({ days }) => days < soonDays).toSorted((a, b) => a.days - b.days)
  return [
    ...(ending.length === 0
      ? []
      : [
          {
            runbook: 'etcd-reconfigure',
            text: `Certificates end: ${ending.map(({ path, host, days, endsAt }) => `${path} on ${host} ${when(days, endsAt)}`).join('; ')}. Renew them, member by member, with etcd-reconfigure.`,
          },
        ]),
    ...own
      .filter(({ days }) => days < soonDays)
      .map(({ path, days, endsAt }) => ({
        runbook: '',
        text: `${path}, by which the worker asks ${cluster}, ${days < 0 ? 'ended' : 'ends'} ${when(days, endsAt).replace(/^ended /, '')}: renew it on the worker's machine.`,
      })),
  ]
}

function when(days: number, endsAt: string): string {
  const date = endsAt.slice(0, 10)
  return days < 0
    ? `ended on ${date}`
    : days === 0
      ? `today (${endsAt.slice(0, 16)})`
      : `in ${days} days (${date})`
}

const little = 0.1
const leastBytes = 2 ** 30

/** A disk that is full ends a member at once. */
function disks({ hosts, databases }: Surveyed): readonly Advice[] {
  return hosts.flatMap(({ host, member, freeBytes, diskBytes }): Advice[] => {
    if (member === '' || freeBytes < 0 || diskBytes <= 0) return []
    const database = databases.find((each) => each.member === member)?.sizeBytes ?? 0
    const scarce = freeBytes < little * diskBytes && freeBytes < leastBytes
    if (!scarce && freeBytes > 2 * database) return []
    return [
      {
        runbook: '',
        text: `${host} has ${bytesText(freeBytes)} of ${bytesText(diskBytes)} free where ${member} keeps its data (its database takes ${bytesText(database)}): a full disk ends it at once, and neither a defragmentation nor a backup has room. Make room.`,
      },
    ]
  })
}

const clockMs = 1000

function clocks(hosts: readonly HostSeen[]): readonly Advice[] {
  const told = hosts.filter(({ clockWithinMs }) => clockWithinMs >= 0)
  const [first, last] = [
    told.toSorted((a, b) => a.clockOffsetMs - b.clockOffsetMs)[0],
    told.toSorted((a, b) => b.clockOffsetMs - a.clockOffsetMs)[0],
  ]
  if (!first || !last) return []
  const apartMs = last.clockOffsetMs - first.clockOffsetMs - last.clockWithinMs - first.clockWithinMs
  if (apartMs < clockMs) return []
  return [
    {
      runbook: '',
      text: `The clocks of ${first.host} and ${last.host} are ${((last.clockOffsetMs - first.clockOffsetMs) / 1000).toFixed(1)} s apart: leases and certificates go by them. Look at the time service on both.`,
    },
  ]
}
