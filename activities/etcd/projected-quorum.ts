import { quorumOf } from './assess.ts'

/** One member, for counting. */
export interface Seat {
  readonly id: string
  readonly votes: boolean
  /** Proven to serve: a member that is down, lags behind or never started is not alive. */
  readonly alive: boolean
}

export type MembershipChange =
  | { readonly kind: 'remove'; readonly id: string }
  | { readonly kind: 'add'; readonly learner: boolean }
  | { readonly kind: 'promote'; readonly id: string }

/** How a cluster stands. `margin` is how many more voters may fail; negative when the quorum is lost. */
export interface Standing {
  readonly voters: number
  readonly quorum: number
  readonly alive: number
  readonly margin: number
}

export interface Projection {
  readonly before: Standing
  /** In the worst moment of the change: the member it touches, or brings, counted as dead. */
  readonly worst: Standing
  /** Once it is done: a promoted member counted as it is, a removed one gone, an added one not started yet. */
  readonly after: Standing
}

/**
 * Where a change of the membership leads. The rule is that of Kubernetes' Cluster API for control planes: count
 * whom the change touches as dead, and the living must still be a quorum of the voters there will be.
 */
export function projectedQuorum(seats: readonly Seat[], change: MembershipChange): Projection {
  const before = standing(seats)
  switch (change.kind) {
    case 'remove': {
      const left = standing(seats.filter(({ id }) => id !== change.id))
      return { before, worst: left, after: left }
    }
    case 'add': {
      const grown = standing([...seats, { id: '', votes: !change.learner, alive: false }])
      return { before, worst: grown, after: grown }
    }
    case 'promote': {
      const as = (alive: (seat: Seat) => boolean) =>
        standing(
          seats.map((seat) => (seat.id === change.id ? { ...seat, votes: true, alive: alive(seat) } : seat)),
        )
      return { before, worst: as(() => false), after: as(({ alive }) => alive) }
    }
  }
}

function standing(seats: readonly Seat[]): Standing {
  const voting = seats.filter(({ votes }) => votes)
  const alive = voting.filter((seat) => seat.alive).length
  const quorum = quorumOf(voting.length)
  return { voters: voting.length, quorum, alive, margin: alive - quorum }
}

/**
 * Why a member must not be removed now, as a sentence; `undefined` when it may. `margin` is what must be left
 * when the removed one is a healthy voter: etcd itself would let a cluster of two lose one of them.
 */
export function whyNotRemove(seats: readonly Seat[], id: string, margin: number): string | undefined {
  const seat = seats.find((candidate) => candidate.id === id)
  const { before, worst } = projectedQuorum(seats, { kind: 'remove', id })
  if (!seat) return undefined
  if (before.margin < 0) return `the quorum is lost (${told(before)}), and nobody can agree on it.`
  if (!seat.votes) return undefined
  if (worst.voters === 0) return 'it is the only voter, and nothing would be left.'
  if (worst.margin < 0) return `the others would have lost their quorum: ${told(worst)}.`
  if (!seat.alive || worst.margin >= margin) return undefined
  return `${told(worst)} would be left, which ${tolerance(worst)}. Add a member first, or say that a margin of ${worst.margin} is enough.`
}

/** Why a member must not be added now; `undefined` when it may. */
export function whyNotAdd(seats: readonly Seat[], learner: boolean): string | undefined {
  const { before, worst } = projectedQuorum(seats, { kind: 'add', learner })
  if (before.margin < 0) return `the quorum is lost (${told(before)}), and nobody can agree on it.`
  if (before.alive < before.voters) {
    return `only ${before.alive} of ${before.voters} voters are well, and etcd adds nobody while one is down. Bring it back, or remove it first.`
  }
  if (seats.some(({ votes }) => !votes))
    return 'there is a learner already: promote or withdraw that one first.'
  if (worst.margin >= 0) return undefined
  return `until the new voter runs, ${told(worst)} would be all, and the cluster would stand still. Add it as a learner.`
}

/** Why a learner must not be promoted now; `undefined` when it may. */
export function whyNotPromote(seats: readonly Seat[], id: string): string | undefined {
  const seat = seats.find((candidate) => candidate.id === id)
  if (!seat || seat.votes) return undefined
  const { before, worst, after } = projectedQuorum(seats, { kind: 'promote', id })
  if (before.margin < 0) return `the quorum is lost (${told(before)}), and nobody can agree on it.`
  if (!seat.alive) return 'it is not alive, and a dead voter counts against the quorum.'
  // From one to two both are needed, and there is no other way to three.
  if (worst.margin >= 0 || (before.voters === 1 && after.margin >= 0)) return undefined
  return `should it fail right then, ${told(worst)} would be left. Bring the others back first.`
}

/** `2 of 3 voters alive, quorum 2`. */
export function told({ alive, voters, quorum }: Standing): string {
  return `${alive} of ${voters} ${voters === 1 ? 'voter' : 'voters'} alive, quorum ${quorum}`
}

function tolerance({ margin }: Standing): string {
  return margin === 0
    ? 'tolerates no failure'
    : `tolerates ${margin} ${margin === 1 ? 'failure' : 'failures'}`
}
