import { compareVersions } from '../etcd/versions.ts'

/** Releases of etcd that a cluster must not, or should not, be put on. */
export interface KnownFault {
  readonly from: string
  readonly to: string
  readonly verdict: 'refuse' | 'warn'
  readonly why: string
}

/**
 * What is known to be wrong with releases, both ends included. Another one is another row.
 * Sources: the issues named; etcd's post-mortem of the data inconsistency in 3.5; CHANGELOG-3.5 and -3.6.
 */
export const knownFaults: readonly KnownFault[] = [
  {
    from: '3.5.0',
    to: '3.5.2',
    verdict: 'refuse',
    why: 'a member that is killed under load can come back with other data than the rest, in silence (etcd-io/etcd#13766)',
  },
  {
    from: '3.5.3',
    to: '3.5.5',
    verdict: 'refuse',
    why: 'members can diverge when authentication is used or a defragmentation is broken off (etcd-io/etcd#14139, #14571)',
  },
  {
    from: '3.5.20',
    to: '3.5.20',
    verdict: 'warn',
    why: 'a promoted learner may be a learner again after an upgrade to 3.6 (etcd-io/etcd#19557)',
  },
  {
    from: '3.5.6',
    to: '3.5.32',
    verdict: 'warn',
    why: 'later patches of 3.5 mend members that came back after their removal; 3.5.33 is the one to land on (etcd-io/etcd#20967)',
  },
  {
    from: '3.6.0',
    to: '3.6.4',
    verdict: 'refuse',
    why: 'it judges leftovers of the v2 store wrongly, and a defragmentation while a member catches up can corrupt its data',
  },
  {
    from: '3.6.9',
    to: '3.6.11',
    verdict: 'warn',
    why: 'with authentication, status and membership can be asked by administrators only (the fix of CVE-2026-33413 was relaxed later)',
  },
]

/** The faults of one version. */
export function faultsOf(
  version: string,
  faults: readonly KnownFault[] = knownFaults,
): readonly KnownFault[] {
  return faults.filter(
    ({ from, to }) => compareVersions(version, from) >= 0 && compareVersions(version, to) <= 0,
  )
}

/** What every member must run before any of them goes up to the next minor version. */
export interface Hop {
  /** The minor version it starts from. */
  readonly from: number
  readonly floor: string
  readonly verdict: 'refuse' | 'warn'
  readonly why: string
  /** Why a cluster with authentication cannot go this way one member at a time. */
  readonly notWithAuth?: string
}

/** Sources: etcd's upgrade guides to 3.5, 3.6 and 3.7 (the last two as corrected in July 2026). */
export const hops: readonly Hop[] = [
  {
    from: 4,
    floor: '3.4.22',
    verdict: 'warn',
    why: 'earlier patches of 3.4 lack the fixes that a mixed cluster needs',
    notWithAuth:
      'the log entries of authentication have another form in 3.5, so the two cannot share a cluster that uses it',
  },
  {
    from: 5,
    floor: '3.5.32',
    verdict: 'refuse',
    why: 'members of earlier patches that were removed can come back in 3.6 (etcd-io/etcd#20967)',
  },
  {
    from: 6,
    floor: '3.6.11',
    verdict: 'refuse',
    why: 'etcd does not promise that earlier patches of 3.6 and 3.7 work in one cluster',
  },
]
