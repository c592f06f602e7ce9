import type { BackupView } from '../backup/view.ts'
import type { Choice, HostView, Survey } from './survey-view.ts'

interface Found {
  readonly lost: boolean
  readonly why: string
  readonly hosts: readonly HostView[]
  readonly backups: readonly BackupView[]
  readonly newestBackup: BackupView
  readonly unknown: readonly string[]
}

/** What the choices are, what each would lose, and which is the better. Pure. */
export function judgeSurvey(found: Found): Survey {
  const clusterId = mostCommon(found.hosts.map((host) => host.clusterId).filter(Boolean))
  const own = found.hosts.filter((host) => host.clusterId === clusterId && clusterId !== '')
  const knownRevision = Math.max(
    0,
    ...[...own, ...found.backups.filter((each) => each.clusterId === clusterId)].map(
      ({ revision }) => revision,
    ),
  )
  const knownIndex = Math.max(0, ...own.map(({ index }) => index))
  const known = { revision: knownRevision, index: knownIndex, clusterId }
  const survivor = survivorChoice(found, own, known)
  const snapshot = snapshotChoice(found, known)
  const { recommend, because } = recommended({ ...found, own, survivor, snapshot })
  const hosts = [...found.hosts]
  return {
    ...{ lost: found.lost, why: found.why, hosts, clusterId, knownRevision, knownIndex },
    owner: mostCommon(hosts.map(({ owner }) => owner).filter(Boolean)),
    byHost: Object.fromEntries(hosts.map((host) => [host.host, host])),
    unreachable: hosts.filter(({ reachable }) => !reachable).map(({ host }) => host),
    unread: [...unreadOf(hosts)],
    ...{
      backups: [...found.backups],
      newestBackup: found.newestBackup,
      survivor,
      snapshot,
      recommend,
      because,
    },
    unknown: [...found.unknown],
    summary: summaryOf({ ...found, survivor, snapshot, recommend, because }),
  }
}

interface Known {
  readonly revision: number
  readonly index: number
  readonly clusterId: string
}

/** As raft judges who is ahead: by the term of the last entry, then by its index. */
export function byAdvance(a: HostView, b: HostView): number {
  return b.term - a.term || b.index - a.index || b.revision - a.revision || (a.host < b.host ? -1 : 1)
}

function survivorChoice({ hosts }: Found, own: readonly HostView[], known: Known): Choice {
  // One that runs without a leader tells how far it is; it is read once it is stopped.
  const usable = own.filter(({ readable, answers, member }) => (readable || answers) && member !== '')
  const [best] = usable.toSorted(byAdvance)
  if (!best) {
    const reasons = hosts.filter(({ why }) => why !== '').map(({ why }) => why)
    return { ...none, loses: ['No data directory can be used.', ...reasons].join(' ') }
  }
  const unseen = hosts.filter((host) => host.member !== '' && host.data === 'unknown').map(({ host }) => host)
  const behind = known.index - best.index
  const loses = [
    behind === 0
      ? `Nothing that any other data directory shows: its log ends at index ${best.index} of term ${best.term}, and no other goes further.`
      : `The last ${behind} entries of the log: it ends at index ${best.index}, and another goes to ${known.index}.`,
    unseen.length === 0
      ? ''
      : `What only ${unseen.join(' and ')} had acknowledged, if anything: ${unseen.length === 1 ? 'it' : 'they'} cannot be looked at.`,
  ]
  const { host, path, revision } = best
  return { possible: true, host, path, revision, at: '', loses: loses.filter(Boolean).join(' ') }
}

function snapshotChoice({ newestBackup: newest, hosts }: Found, known: Known): Choice {
  if (newest.path === '') return { ...none, loses: 'No sound backup was found.' }
  const { host, path, revision, takenAt } = newest
  const since = `Everything written after revision ${revision}, taken at ${takenAt}`
  const loses =
    newest.clusterId !== known.clusterId && known.clusterId !== ''
      ? `${since}; it is of cluster ${newest.clusterId}, while the data directories are of ${known.clusterId}, so how much that is cannot be told.`
      : `${since}: ${Math.max(0, known.revision - revision)} revisions up to the highest seen anywhere (${known.revision}).`
  const unread = unreadOf(hosts)
  const more = unread.length === 0 ? '' : ` What ${unread.join(' and ')} had cannot be read: it may be more.`
  return { possible: true, host, path, revision, at: takenAt, loses: `${loses}${more}` }
}

/** Hosts of members whose revision nobody can tell: it may be higher than all that was seen. */
function unreadOf(hosts: readonly HostView[]): readonly string[] {
  return hosts
    .filter(({ member, data, revision }) => member !== '' && data !== 'none' && revision === 0)
    .map(({ host }) => host)
}

const none: Choice = { possible: false, host: '', path: '', revision: 0, at: '', loses: '' }

interface Judging extends Found {
  readonly own: readonly HostView[]
  readonly survivor: Choice
  readonly snapshot: Choice
}

function recommended({
  lost,
  why,
  hosts,
  own,
  survivor,
  snapshot,
}: Judging): Pick<Survey, 'recommend' | 'because'> {
  if (!lost) return { recommend: 'none', because: `The quorum is not lost: ${why}` }
  const members = hosts.filter(({ member }) => member !== '')
  const quorum = Math.floor(members.length / 2) + 1
  const able = own.filter(({ member, readable, answers }) => member !== '' && (readable || answers))
  if (able.length >= quorum) {
    return {
      recommend: 'start',
      because: `${able.map(({ host }) => host).join(', ')} have their data, and ${quorum} of ${members.length} members make a quorum: start etcd there, and nothing is lost. Only where that fails is anything below needed.`,
    }
  }
  if (survivor.possible && (!snapshot.possible || survivor.revision >= snapshot.revision)) {
    return {
      recommend: 'survivor',
      because: `The data of ${survivor.host} is at revision ${survivor.revision} or later${snapshot.possible ? `, the newest sound backup at ${snapshot.revision}` : ', and there is no sound backup'}.`,
    }
  }
  if (snapshot.possible) {
    return {
      recommend: 'snapshot',
      because: survivor.possible
        ? `The backup is at revision ${snapshot.revision}, and the best data directory only at ${survivor.revision}.`
        : 'No data directory can be used, and a sound backup is there.',
    }
  }
  return {
    recommend: 'none',
    because: 'Neither a data directory that can be used nor a sound backup was found.',
  }
}

function mostCommon(values: readonly string[]): string {
  const count = (value: string): number => values.filter((other) => other === value).length
  return values.toSorted((a, b) => count(b) - count(a))[0] ?? ''
}

type Summed = Found & Pick<Survey, 'survivor' | 'snapshot' | 'recommend' | 'because'>

function summaryOf({ why, hosts, survivor, snapshot, recommend, because }: Summed): string {
  return [
    why,
    ...hosts.map(hostLine),
    `A survivor${survivor.possible ? ` (${survivor.host}, revision ${survivor.revision} or later) loses:` : ' is not possible:'} ${survivor.loses}`,
    `A snapshot${snapshot.possible ? ` (${snapshot.host}:${snapshot.path}, revision ${snapshot.revision}) loses:` : ' is not possible:'} ${snapshot.loses}`,
    `Recommended: ${recommend}. ${because}`,
  ].join('\n')
}

function hostLine({ host, member, reachable, service, data, term, index, revision, why }: HostView): string {
  const facts = [
    reachable ? `etcd ${service}` : 'not reachable',
    data === 'none' ? 'no data' : '',
    index > 0 ? `log ends at index ${index} of term ${term}` : '',
    revision > 0 ? `revision ${revision}` : '',
    why.replace(/\.$/, ''),
  ]
  return `${host} (${member || 'spare'}): ${facts.filter(Boolean).join(', ')}.`
}
