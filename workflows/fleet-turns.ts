/** How one cluster of a fleet stands; `checking`: its run is done, and its health is looked at. */
export type FleetState = 'pending' | 'running' | 'waiting' | 'checking' | 'done' | 'failed'

export interface FleetCluster {
  readonly cluster: string
  readonly state: FleetState
}

/**
 * Whose turn it is now. The first, the canary, goes alone; after it `atOnce` at a time. Nobody's turn comes once
 * one has failed, nor while one waits for a person: what that person finds may concern them all.
 */
export function turns(fleet: readonly FleetCluster[], atOnce: number): readonly string[] {
  const under = fleet.filter(({ state }) => underWay.has(state)).length
  const pending = fleet.filter(({ state }) => state === 'pending').map(({ cluster }) => cluster)
  if (fleet.some(({ state }) => state === 'failed' || state === 'waiting')) return []
  if (fleet[0]?.state !== 'done') return under === 0 ? pending.slice(0, 1) : []
  return pending.slice(0, Math.max(0, atOnce - under))
}

export const underWay: ReadonlySet<FleetState> = new Set(['running', 'waiting', 'checking'])
