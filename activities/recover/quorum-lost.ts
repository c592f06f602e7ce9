import type { Cluster } from '../../dsl/inventory.ts'
import type { ActionContext } from '../action.ts'
import type { SeatFacts } from '../etcd/sweep.ts'
import { sweep } from '../etcd/sweep.ts'
import type { EtcdErrorCode } from '../etcd/errors.ts'
import { ActionError, InputError, RefusedError, UnknownOutcomeError } from '../failure.ts'
import { portsSeenFrom } from '../host/ports.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import { withinTime } from '../within-time.ts'
import { isMadeBy } from './made-by-run.ts'

/**
 * The engine's own rule in a run for a cluster that has lost its quorum, before anything that harms: no member
 * may be led or serve a read through the quorum, asked of every member at that moment. A wrong verdict would
 * destroy a healthy majority. Throws `RefusedError` naming who still leads or serves.
 */
export async function guardQuorumLost(context: ActionContext, name: string | undefined): Promise<void> {
  if (name === undefined) {
    throw new InputError(
      'The run holds no lock of a cluster, so it cannot be known whose quorum is lost. Write "cluster:" at the top of the runbook.',
    )
  }
  const cluster = clusterNamed(context.inventory, name)
  const seats = await sweep(cluster, context.cluster(name), {}, { signal: context.signal })
  const own = await Promise.all(seats.map((seat) => isOwn(context, cluster, seat)))
  const others = seats.filter((_, at) => !own[at])
  const refusal = whyQuorumLives(others) ?? (await whySilentOnlyHere(context, cluster, others))
  if (refusal === undefined) return
  throw new RefusedError(
    `${name} has not lost its quorum: ${refusal} Nothing was done. Use a runbook for a cluster that works, such as etcd-replace-member.`,
    { guard: 'living' },
  )
}

/** What this run restored and started may be stopped by it again: that is its way back. */
async function isOwn(
  context: ActionContext,
  cluster: Cluster,
  { host, status }: SeatFacts,
): Promise<boolean> {
  if (status === undefined) return false
  return isMadeBy(context.host(host), layoutOn(cluster, host).dataDir, context.run)
}

/**
 * Silence is no death: a member whose certificate we cannot show, or whose port a firewall keeps from us, may serve
 * all others. So a host that can be asked says whether its etcd takes connections. Says who does, as a sentence.
 */
async function whySilentOnlyHere(
  context: ActionContext,
  cluster: Cluster,
  seats: readonly SeatFacts[],
): Promise<string | undefined> {
  const silent = seats.filter(({ status }) => status === undefined)
  const said = await Promise.all(
    silent.map(async (seat) => whyTurnedAway(seat) ?? (await whyCutOff(context, cluster, seat))),
  )
  return said.find((why) => why !== undefined)
}

/** Why a member that answers tells us nothing, as a sentence; `undefined` where it does not answer. Pure. */
export function whyTurnedAway({ member, host, failure }: SeatFacts): string | undefined {
  if (failure === undefined || !turnedAway.has(failure.code)) return undefined
  return `${member} on ${host} runs, and it cannot be learnt from here what it serves: ${failure.message} Mend that first.`
}

const turnedAway: ReadonlySet<EtcdErrorCode> = new Set([
  ...(['certificateExpired', 'unknownAuthority', 'nameNotInCertificate', 'certificateWanted'] as const),
  ...(['certificateRefused', 'certificateUnusable', 'tlsBroken'] as const),
  ...(['permissionDenied', 'notAuthenticated', 'wrongPassword'] as const),
])

/** One that takes a connection and says nothing is frozen; one that only its own host reaches is cut off from us. */
async function whyCutOff(
  context: ActionContext,
  cluster: Cluster,
  { member, host, failure }: SeatFacts,
): Promise<string | undefined> {
  if (failure?.code === 'noAnswerInTime') return undefined
  const { address, clientPort } = layoutOn(cluster, host)
  const limits = { ms: patienceMs, signal: context.signal }
  const ask = () => portsSeenFrom(context.host(host), [{ address, port: clientPort }])
  const [seen] = await withinTime(limits, ask, () => new ActionError(`${host} does not answer.`)).catch(
    (error: unknown) => {
      if (error instanceof ActionError || error instanceof UnknownOutcomeError) return []
      throw error
    },
  )
  if (seen !== 'open') return undefined
  return `${member} on ${host} takes connections on its client port ${address}:${clientPort} there, and not from this machine: it may serve all others. Open the way to it, or stop it by hand.`
}

const patienceMs = 10_000

/** Who still leads, is led or reads through the quorum, as a sentence; `undefined` when nobody does. Pure. */
export function whyQuorumLives(seats: readonly SeatFacts[]): string | undefined {
  const said = seats.flatMap(({ member, host, status, reads }) => [
    ...(status !== undefined && status.leader !== '0'
      ? [`${member} on ${host} ${status.leader === status.memberId ? 'leads' : `is led by ${status.leader}`}`]
      : []),
    ...(reads ? [`${member} on ${host} serves reads through the quorum`] : []),
  ])
  return said.length === 0 ? undefined : `${said.join('; ')}.`
}
