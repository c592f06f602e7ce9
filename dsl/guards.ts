/**
 * The guards of the engine, by the name each gives when it refuses (docs/guards.md). `may` is what may happen where
 * a person overrides it; a guard without it is never overridden.
 */
export const guards = {
  health: {
    asks: 'Every other member is well: it answers, is led, serves reads and is in step.',
    may: 'a member that is not well may be the one the quorum then needs: should it fail, the cluster stops answering until a member is back',
  },
  alarm: {
    asks: 'No alarm is raised.',
    may: 'a full database refuses writes and a corrupt one serves wrong data, and the members that are left may be just those',
  },
  leader: {
    asks: 'All members agree on who leads.',
    may: 'the cluster is electing or divided, and with one member fewer it may not find a leader',
  },
  quorum: {
    asks: 'The voters that are left are a quorum, or will be.',
    may: 'the cluster stops answering, reads and writes, until enough members are back',
  },
  margin: {
    asks: 'After a healthy voter is removed, as many may fail as the step says.',
    may: 'the cluster that is left stops answering with the next failure',
  },
  last: { asks: 'The only voter is not removed.' },
  membership: { asks: 'Nobody is added or promoted in a way that costs the quorum.' },
  identity: {
    asks: "What runs on the host is that cluster's, and its members agree on which cluster they are.",
  },
  lock: { asks: 'The run holds the lock of the cluster it changes.' },
  busy: { asks: 'No other disruption of the cluster is under way.' },
  living: { asks: 'Where a runbook says that the quorum is lost, none lives.' },
  instance: { asks: 'No member runs twice, and none comes back with older data than it acknowledged.' },
} as const satisfies Readonly<Record<string, { readonly asks: string; readonly may?: string }>>

export type GuardName = keyof typeof guards

/** What may happen where a person overrides that guard; `undefined` for one that is never overridden, or no guard. */
export function overrideRisk(name: string): string | undefined {
  const known: Readonly<Record<string, { readonly asks: string; readonly may?: string }>> = guards
  return Object.hasOwn(known, name) ? known[name]?.may : undefined
}

export const overridable: readonly string[] = Object.keys(guards).filter(
  (name) => overrideRisk(name) !== undefined,
)

/** Why guards cannot be overridden so, as a sentence; `undefined` when they can. */
export function whyNotOverride(names: readonly string[], reason: string): string | undefined {
  const unknown = names.filter((name) => !Object.hasOwn(guards, name))
  const never = names.filter((name) => Object.hasOwn(guards, name) && overrideRisk(name) === undefined)
  const choice = `Those that can be are ${overridable.join(', ')}.`
  if (unknown.length > 0)
    return `There is no guard ${unknown.map((name) => `"${name}"`).join(', ')}. ${choice}`
  if (never.length > 0)
    return `The guard ${never.map((name) => `"${name}"`).join(', ')} is never overridden. ${choice}`
  if (names.length > 0 && reason.trim() === '')
    return 'To override a guard takes a reason: it is what the one who approves it reads.'
  return undefined
}
