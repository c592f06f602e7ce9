/** How one member was seen, for the line a person watches. */
export interface MemberSight {
  readonly name: string
  readonly host: string
  readonly reachable: boolean
  readonly healthy: boolean
  /** Why it is not healthy; "" when it is. */
  readonly why: string
  readonly isLeader: boolean
  readonly isLearner: boolean
  readonly version: string
  /** Log entries behind; of no meaning when it was not reached. */
  readonly lag: number
  /** Milliseconds since 1970, when it is known. */
  readonly unreachableSinceMs?: number
}

export interface Sight {
  /** When they were seen, milliseconds since 1970. */
  readonly atMs: number
  readonly members: readonly MemberSight[]
}

/** The members in an output that lists them as `etcd.inspect` does; nothing for any other output. */
export function membersIn(output: unknown): readonly MemberSight[] | undefined {
  if (typeof output !== 'object' || output === null || !('members' in output)) return undefined
  const { members } = output
  if (!Array.isArray(members) || members.length === 0) return undefined
  const seen = members.map(sightIn)
  return seen.every((member) => member !== undefined) ? seen : undefined
}

/** What a heartbeat holds, if it holds that. */
export function sightOf(details: unknown): Sight | undefined {
  if (typeof details !== 'object' || details === null || !('atMs' in details)) return undefined
  const members = membersIn(details)
  return typeof details.atMs === 'number' && members !== undefined
    ? { atMs: details.atMs, members }
    : undefined
}

function sightIn(member: unknown): MemberSight | undefined {
  if (typeof member !== 'object' || member === null) return undefined
  const all: Readonly<Record<string, unknown>> = { ...member }
  const text = (key: string) => (typeof all[key] === 'string' ? all[key] : undefined)
  const yes = (key: string) => (typeof all[key] === 'boolean' ? all[key] : undefined)
  const [name, host, why, version] = [text('name'), text('host'), text('why'), text('version')]
  const [reachable, healthy] = [yes('reachable'), yes('healthy')]
  const [isLeader, isLearner] = [yes('isLeader'), yes('isLearner')]
  const { lag, unreachableSinceMs } = all
  if (name === undefined || host === undefined || why === undefined || version === undefined) return undefined
  if (reachable === undefined || healthy === undefined) return undefined
  if (isLeader === undefined || isLearner === undefined || typeof lag !== 'number') return undefined
  return {
    ...{ name, host, reachable, healthy, why, isLeader, isLearner, version, lag },
    ...(typeof unreachableSinceMs === 'number' ? { unreachableSinceMs } : {}),
  }
}
