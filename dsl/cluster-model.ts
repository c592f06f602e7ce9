/**
 * What is known of a cluster without asking it: enough to say how many of its members could fail. Actions say
 * what they will do to it (`foresees`); a plan follows them step by step.
 */
export interface ClusterModel {
  readonly members: readonly ModelMember[]
  /** Name of the leader; "" while it is open who will lead. */
  readonly leader: string
}

export interface ModelMember {
  readonly name: string
  /** Lower-case hex; "" for one whose ID etcd has not given yet. */
  readonly id: string
  /** The host its peer URL stands for; "" when the inventory knows none. */
  readonly host: string
  readonly learner: boolean
  /** It serves. */
  readonly up: boolean
  readonly version: string
  /** The version it will have once it is started again, where that is another. */
  readonly staged?: string
}

/** How many voters there are, how many of them serve, and how many more may fail (negative: no quorum). */
export interface ModelStanding {
  readonly voters: number
  readonly up: number
  readonly margin: number
}

export function standingOf({ members }: ClusterModel): ModelStanding {
  const voting = members.filter(({ learner }) => !learner)
  const up = voting.filter((member) => member.up).length
  return { voters: voting.length, up, margin: up - (Math.floor(voting.length / 2) + 1) }
}

/** Whether an action would make no difference between them. */
export function sameModel(one: ClusterModel, other: ClusterModel): boolean {
  return (
    one.leader === other.leader && differencesOf(one, other).length === 0 && staged(one) === staged(other)
  )
}

const staged = ({ members }: ClusterModel): string => members.map((member) => member.staged ?? '').join()

export function memberStopped(model: ClusterModel, host: string): ClusterModel {
  const stopped = model.members.find((member) => member.host === host)
  const left = changedWhere(model, byHost(host), { up: false })
  return stopped?.name === model.leader ? { ...left, leader: '' } : left
}

export function memberStarted(model: ClusterModel, host: string): ClusterModel {
  return {
    ...model,
    members: model.members.map(({ staged, ...member }) => {
      if (member.host !== host) return { ...member, ...(staged === undefined ? {} : { staged }) }
      return { ...member, up: true, version: staged ?? member.version }
    }),
  }
}

/** It has been told of a new place; until it is started there it does not serve. */
export function memberMoved(model: ClusterModel, name: string, host: string): ClusterModel {
  return changedWhere(model, byName(name), { host })
}

export function memberAdded(
  model: ClusterModel,
  { name, host, learner }: Pick<ModelMember, 'name' | 'host' | 'learner'>,
): ClusterModel {
  if (model.members.some((member) => member.name === name)) return model
  return { ...model, members: [...model.members, { name, id: '', host, learner, up: false, version: '' }] }
}

export function memberPromoted(model: ClusterModel, name: string): ClusterModel {
  return changedWhere(model, byName(name), { learner: false })
}

export function memberGone(model: ClusterModel, name: string): ClusterModel {
  return {
    members: model.members.filter((member) => member.name !== name),
    leader: model.leader === name ? '' : model.leader,
  }
}

/** The member on that host becomes a cluster of one. */
export function aloneOn(model: ClusterModel, host: string): ClusterModel {
  return { leader: '', members: model.members.filter((member) => member.host === host) }
}

/** "" when etcd may choose. */
export function leaderMoved(model: ClusterModel, to: string): ClusterModel {
  return { ...model, leader: to }
}

export function versionStaged(model: ClusterModel, host: string, version: string): ClusterModel {
  return changedWhere(model, byHost(host), { staged: version })
}

/** One change of the membership a line; leadership and what only passes are left out. */
export interface MemberDifference {
  readonly kind: 'added' | 'removed' | 'changed'
  readonly member: string
  /** `host h2 → h4`, for one that changed; where and how, for the others. */
  readonly what: readonly string[]
}

export function differencesOf(before: ClusterModel, after: ClusterModel): readonly MemberDifference[] {
  const differences = [...new Set([...before.members, ...after.members].map(({ name }) => name))].map(
    (name) =>
      differenceOf(
        name,
        before.members.find((member) => member.name === name),
        after.members.find((member) => member.name === name),
      ),
  )
  return differences.filter(({ what }) => what.length > 0)
}

function differenceOf(member: string, was?: ModelMember, is?: ModelMember): MemberDifference {
  if (was === undefined || is === undefined) {
    const one = is ?? was
    const place = one === undefined || one.host === '' ? 'no host' : `on ${one.host}`
    return {
      kind: is ? 'added' : 'removed',
      member,
      what: [`${place}${one?.learner === true ? ', a learner' : ''}`],
    }
  }
  const fields: readonly (readonly [string, string, string])[] = [
    ['host', was.host, is.host],
    ['version', was.version, is.version],
    ['', was.learner ? 'learner' : 'voter', is.learner ? 'learner' : 'voter'],
    ['', was.up ? 'serves' : 'down', is.up ? 'serves' : 'down'],
  ]
  const what = fields
    .filter(([, old, fresh]) => old !== fresh)
    .map(([field, old, fresh]) => `${field} ${old || 'none'} → ${fresh || 'none'}`.trim())
  return { kind: 'changed', member, what }
}

const byHost =
  (host: string) =>
  (member: ModelMember): boolean =>
    member.host === host
const byName =
  (name: string) =>
  (member: ModelMember): boolean =>
    member.name === name

function changedWhere(
  model: ClusterModel,
  which: (member: ModelMember) => boolean,
  change: Partial<ModelMember>,
): ClusterModel {
  return {
    ...model,
    members: model.members.map((member) => (which(member) ? { ...member, ...change } : member)),
  }
}
