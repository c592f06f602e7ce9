import type { Cluster } from '../../dsl/inventory.ts'
import type { Inspection, MemberView } from './inspection.ts'
import { type MembershipChange, projectedQuorum, type Seat, type Standing, told } from './projected-quorum.ts'

export interface Asked {
  readonly change: 'expand' | 'shrink' | 'replace' | 'move'
  readonly members: readonly string[]
  readonly hosts: readonly string[]
  readonly names: readonly string[]
  readonly size: number
  /** An even number of voters is meant. */
  readonly even: boolean
}

export interface PlannedStep {
  readonly member: string
  readonly name: string
  readonly from: string
  readonly host: string
  readonly failed: boolean
  readonly isLeader: boolean
  readonly margin: number
  readonly text: string
}

export interface MemberPlan {
  readonly problems: readonly string[]
  readonly steps: readonly PlannedStep[]
  readonly voters: number
  readonly margin: number
  readonly lowest: number
}

/**
 * In which order members are added, removed, replaced or moved, and what margin each step leaves. Pure. A plan
 * with problems is not to be followed.
 */
export function planMembers(cluster: Cluster, seen: Inspection, asked: Asked): MemberPlan {
  const todo = todoFor(cluster, seen, asked)
  const { steps, standing, lowest } = walk(seen, asked.change, todo)
  const problems = [
    ...foundations(seen, asked, todo),
    ...unknownNames(cluster, seen, asked),
    ...hostProblems(cluster, asked, todo),
    ...nameProblems(seen, asked.change, todo),
    ...sizeProblems(asked, standing),
  ]
  return { problems, steps, voters: standing.voters, margin: standing.margin, lowest }
}

/** One member's turn, before it is known what it leaves. */
interface Turn {
  readonly view?: MemberView
  readonly name: string
  readonly host: string
}

function todoFor(cluster: Cluster, seen: Inspection, asked: Asked): readonly Turn[] {
  const views = asked.members.map((member) => seen.byName[member])
  switch (asked.change) {
    case 'expand':
      return asked.hosts.map((host, at) => ({
        host,
        name: asked.names[at] || nextName(cluster, seen, host, at),
      }))
    case 'shrink': {
      const chosen = asked.size > 0 ? toSize(seen, asked.size) : present(views)
      return inOrder(chosen.map((view) => ({ view, name: view.name, host: '' })))
    }
    case 'replace':
    case 'move': {
      const turns = views.flatMap((view, at) => {
        const host = asked.hosts[at] ?? ''
        return view ? [{ view, host, name: asked.names[at] || nameAfter(view, host, asked.change) }] : []
      })
      return inOrder(turns)
    }
  }
}

/** A member keeps its name where the old one is gone before the new one comes. */
function nameAfter({ name, healthy, host: from }: MemberView, host: string, change: Asked['change']): string {
  return change === 'move' || !healthy || from === host ? name : host
}

function present(views: readonly (MemberView | undefined)[]): readonly MemberView[] {
  return views.filter((view) => view !== undefined)
}

/** The dead go first, because they count against the quorum; the leader last, so that it hands over only once. */
function inOrder(turns: readonly (Turn & { readonly view: MemberView })[]): readonly Turn[] {
  return turns.toSorted((a, b) => rank(a.view) - rank(b.view) || (a.view.name < b.view.name ? -1 : 1))
}

function rank({ healthy, isLearner, isLeader }: MemberView): number {
  if (isLearner) return 0
  if (!healthy) return 1
  return isLeader ? 3 : 2
}

/** Whom to let go: learners and dead ones, then followers from the last name on, never the leader while others do. */
function toSize({ members, voters }: Inspection, size: number): readonly MemberView[] {
  const learners = members.filter(({ isLearner }) => isLearner)
  const voting = members
    .filter(({ id, isLearner }) => id !== '' && !isLearner)
    .toSorted((a, b) => rank(a) - rank(b) || (a.name < b.name ? 1 : -1))
  return [...learners, ...voting.slice(0, Math.max(0, voters - size))]
}

/** As the others are called, if they are called alike (`etcd-1`, `etcd-2`), else after its host. */
function nextName(cluster: Cluster, seen: Inspection, host: string, at: number): string {
  const known = [...new Set([...Object.keys(cluster.members), ...seen.members.map(({ name }) => name)])]
  const parts = known.filter((name) => !name.startsWith('(')).map((name) => /^(.*?)(\d+)$/.exec(name))
  const [first] = parts
  const [, stem] = first ?? []
  if (stem === undefined || stem === '' || parts.some((part) => part?.[1] !== stem)) return host
  const highest = Math.max(...parts.map((part) => Number(part?.[2] ?? 0)))
  return `${stem}${highest + 1 + at}`
}

function walk(seen: Inspection, change: Asked['change'], todo: readonly Turn[]) {
  let seats: readonly Seat[] = seatsOf(seen)
  let standing = projectedQuorum(seats, { kind: 'add', learner: true }).before
  let lowest = standing.margin
  const to = (next: MembershipChange, seatsNow: readonly Seat[]) => {
    lowest = Math.min(lowest, projectedQuorum(seats, next).after.margin)
    seats = seatsNow
    standing = projectedQuorum(seats, { kind: 'add', learner: true }).before
  }
  const without = ({ id }: MemberView) =>
    to(
      { kind: 'remove', id },
      seats.filter((seat) => seat.id !== id),
    )
  const withNew = (id: string) =>
    to({ kind: 'add', learner: true }, [...seats, { id: `new ${id}`, votes: true, alive: true }])
  // etcd adds nobody beside a dead voter, so all of those go before the first new one comes.
  const dead = change === 'replace' ? todo.filter(({ view }) => view && !view.healthy) : []
  for (const { view } of dead) if (view) without(view)

  const steps = todo.map((turn): PlannedStep => {
    const { view, name, host } = turn
    const before = standing.voters
    if (change === 'move') lowest = Math.min(lowest, standing.margin - 1)
    else {
      const goesFirst =
        change === 'replace' && view !== undefined && !dead.includes(turn) && view.host === host
      if (goesFirst) without(view)
      if (change !== 'shrink') withNew(name)
      if (view && !dead.includes(turn) && !goesFirst) without(view)
    }
    const what = wordsFor(change, turn)
    return {
      ...{ member: view?.name ?? '', name, from: view?.host ?? '', host },
      ...{ failed: view !== undefined && !view.healthy, isLeader: view?.isLeader ?? false },
      margin: standing.margin,
      text: `${what}: ${before === standing.voters ? '' : `${before} to `}${left(standing)}.`,
    }
  })
  return { steps, standing, lowest }
}

function seatsOf({ members }: Inspection): readonly Seat[] {
  return members
    .filter(({ id }) => id !== '')
    .map(({ id, isLearner, healthy }) => ({ id, votes: !isLearner, alive: healthy }))
}

function wordsFor(change: Asked['change'], { view, name, host }: Turn): string {
  const state = view?.isLearner
    ? 'a learner'
    : view?.healthy === false
      ? 'dead'
      : view?.isLeader
        ? 'the leader'
        : ''
  const who = `${view?.name ?? ''}${state && ` (${state})`}`
  switch (change) {
    case 'expand':
      return `add ${name} on ${host}`
    case 'shrink':
      return `remove ${who} from ${view?.host ?? ''}`
    case 'replace':
      return `replace ${who} on ${view?.host ?? ''} by ${name} on ${host}`
    case 'move':
      return `move ${who} from ${view?.host ?? ''} to ${host}, down meanwhile`
  }
}

function left(standing: Standing): string {
  const { margin } = standing
  if (margin < 0) return `${told(standing)}: lost`
  return `${told(standing)}, ${margin === 0 ? 'no failure is' : margin === 1 ? 'one failure is' : `${margin} failures are`} tolerated`
}

/** What has to hold before anything of it makes sense. */
function foundations(seen: Inspection, { change }: Asked, todo: readonly Turn[]): readonly string[] {
  const touched = new Set(todo.map(({ view }) => view?.name))
  const coming = new Set(todo.map(({ host }) => host))
  const isLeftover = ({ name, peerHost }: MemberView) => name.startsWith('(') && coming.has(peerHost)
  const unwell = seen.members.filter((view) => !view.healthy && !touched.has(view.name) && !isLeftover(view))
  const lost = seen.margin < 0
  const mustBeWell = change === 'move' ? seen.members.filter(({ healthy }) => !healthy) : unwell
  const alarms = seen.alarms.filter((alarm) => ![...touched].some((name) => alarm.endsWith(` on ${name}`)))
  return [
    ...stalled(seen),
    ...(lost
      ? [
          'The quorum is lost, or cannot be seen from here: this is disaster recovery (etcd-recover), no change of members.',
        ]
      : mustBeWell.map(({ why }) => `${why.replace(/\.$/, '')}: mend that first.`)),
    ...(alarms.length > 0 ? [`An alarm is raised: ${alarms.join(', ')}.`] : []),
    ...(todo.length === 0 ? ['There is nothing to do.'] : []),
  ]
}

/** Whoever was added as a voter counts from that moment on: a cluster of one stands still with it. */
function stalled({ members, margin }: Inspection): readonly string[] {
  const missing = members.filter(({ name, isLearner }) => name.startsWith('(not started') && !isLearner)
  if (margin >= 0 || missing.length === 0) return []
  const others = members.filter((view) => !missing.includes(view))
  const initial = [
    ...others.flatMap(({ name, peerUrls }) => peerUrls.map((url) => `${name}=${url}`)),
    ...missing.flatMap(({ peerUrls }) => peerUrls.map((url) => `NAME=${url}`)),
  ]
  const where = missing.flatMap(({ peerUrls }) => peerUrls).join(', ')
  return [
    `A member at ${where} was added as a voter and has never started: the quorum counts it, and the cluster stands still until it runs. Start etcd there, without data, under a NAME of its own with --initial-cluster ${initial.join(',')} --initial-cluster-state existing. Nothing is lost then.`,
  ]
}

function unknownNames(cluster: Cluster, seen: Inspection, { members, hosts }: Asked): readonly string[] {
  const known = Object.keys(seen.byName)
  return [
    ...members
      .filter((member) => !known.includes(member))
      .map((member) => `${cluster.name} has no member ${member}: it has ${known.join(', ')}.`),
    ...twice(members).map((member) => `${member} is named twice.`),
    ...hosts
      .filter((host) => !Object.hasOwn(cluster.etcd, host))
      .map(
        (host) =>
          `${cluster.name} has no host ${host}: it has ${Object.keys(cluster.etcd).join(', ')}. Add it under \`spares\`.`,
      ),
    ...twice(hosts).map((host) => `${host} is named twice.`),
  ]
}

function twice(names: readonly string[]): readonly string[] {
  return [...new Set(names.filter((name, at) => names.indexOf(name) !== at))]
}

function hostProblems(
  { members }: Cluster,
  { change, members: named, hosts }: Asked,
  todo: readonly Turn[],
): readonly string[] {
  const paired = change === 'replace' || change === 'move'
  const unequal = paired && named.length !== hosts.length
  const ownHost = (member: string, host: string) =>
    change === 'replace' && todo.some(({ view, host: to }) => view?.name === member && to === host)
  const taken = Object.entries(members).filter(([member, on]) => hosts.includes(on) && !ownHost(member, on))
  return [
    ...(unequal
      ? [`There are ${named.length} members and ${hosts.length} hosts: each member needs one.`]
      : []),
    ...taken.map(([member, on]) => `${on} runs ${member} already.`),
  ]
}

function nameProblems(
  { members }: Inspection,
  change: Asked['change'],
  todo: readonly Turn[],
): readonly string[] {
  if (change === 'shrink' || change === 'move') return []
  const stays = members.filter(
    ({ name }) => !todo.some(({ view, name: own }) => view?.name === name && own === name),
  )
  return [
    ...todo
      .filter(({ name }) => stays.some((view) => view.name === name))
      .map(({ name }) => `There is a member ${name} already: give the new one another name.`),
    ...twice(todo.map(({ name }) => name)).map((name) => `Two new members would be called ${name}.`),
  ]
}

function sizeProblems({ change, size, even, members }: Asked, { voters }: Standing): readonly string[] {
  if (change === 'replace' || change === 'move') return []
  // Who names the members to remove has counted them.
  const meant = even || (change === 'shrink' && size === 0 && members.length > 0)
  return [
    ...(voters === 0 ? ['Nothing would be left.'] : []),
    ...(voters > 0 && voters % 2 === 0 && !meant
      ? [
          `${voters} voters tolerate no more failures than ${voters - 1}: end with an odd number, or say even: true.`,
        ]
      : []),
    ...(change === 'expand' && voters > 7
      ? [
          `${voters} voters are more than the seven that etcd is made for: each write waits for ${Math.floor(voters / 2) + 1} of them.`,
        ]
      : []),
  ]
}
