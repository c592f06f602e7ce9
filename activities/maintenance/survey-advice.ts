import { adviceOnHosts } from './advise-hosts.ts'
import { adviceOnMembers, adviceOnMembership, adviceOnQuorum, quorumLives } from './advise-members.ts'
import { adviceOnSpace, adviceOnVersions } from './advise-upkeep.ts'
import type { Surveyed } from './survey-view.ts'

/** One thing that should be done. */
export interface Advice {
  /** The runbook that does it; "" where none can. */
  readonly runbook: string
  readonly text: string
}

/** What should be done about what was seen, the most urgent first. Pure. Never empty: that nothing should be done is said. */
export function adviceFor(seen: Surveyed): readonly Advice[] {
  const lives = quorumLives(seen)
  const all = [
    ...adviceOnQuorum(seen),
    ...(lives ? [...adviceOnMembers(seen), ...adviceOnMembership(seen)] : []),
    ...adviceOnHosts(seen),
    ...(lives ? [...adviceOnSpace(seen), ...adviceOnVersions(seen)] : []),
  ]
  return all.length > 0
    ? all
    : [{ runbook: '', text: `${seen.cluster} is as it should be: there is nothing to do.` }]
}
