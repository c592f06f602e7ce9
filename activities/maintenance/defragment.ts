import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { bytesText, durationText } from '../../dsl/duration.ts'
import { type ActionContext, defineAction } from '../action.ts'
import type { MemberStatus } from '../etcd/answers.ts'
import type { EtcdEndpoint } from '../etcd/cluster.ts'
import { EtcdError } from '../etcd/errors.ts'
import { minorOf } from '../etcd/versions.ts'
import { ActionError, RefusedError, UnknownOutcomeError } from '../failure.ts'
import { clusterNamed, hostOfMember, layoutOn } from '../inventory/look-up.ts'
import { diskOf } from './disk.ts'
import { longestMs, reclaimableBytes } from './fragmentation.ts'

export const defragment = defineAction({
  name: 'etcd.defragment',
  title: 'rewrite the database without its holes',
  doc: 'Has a member rewrite its database, which gives the space of what was compacted or deleted back to the disk. The member answers nothing meanwhile, and the call cannot be broken off. It is sent once: when no answer comes in the time that the size allows, the action waits until the member serves again and looks at the size. One that is under way already is waited for first. Does nothing where nothing is to be gained. Refuses while another member is not well, or an alarm but NOSPACE is raised, and where the disk has no room for a second copy.',
  effect: 'disrupt',
  subject: ['member', 'cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    member: z.string().describe('The member'),
    outage: z
      .boolean()
      .default(false)
      .describe('It is accepted that the cluster answers nothing meanwhile, as where it is the only voter'),
  }),
  output: z.strictObject({
    member: z.string().describe('The member'),
    beforeBytes: z.int().describe('Size of its database before'),
    afterBytes: z.int().describe('Size of its database afterwards'),
    freedBytes: z.int().describe('What was given back to the disk'),
    tookMs: z.int().describe('How long the member was busy with it'),
    done: z.boolean().describe('False when nothing was to be gained, so that it was not asked'),
  }),
  example: { cluster: 'demo', member: 'etcd-2' },
  timeoutMs: 2 * 60 * 60_000,
  disrupts: ({ cluster, member, outage }) => ({ cluster, pauses: { member, outage } }),
  run: async ({ cluster: name, member }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const host = hostOfMember(cluster, member)
    const endpoint = context.cluster(name).endpoint(host)
    const before = await servingStatus(context, endpoint, { member, atMostMs: longestMs(0) })
    if (nothingToGain(before)) return told(member, before, before, 0, false)
    await refuseWithoutRoom(context, host, layoutOn(cluster, host).dataDir, before)
    const atMostMs = longestMs(before.dbSizeBytes)
    const startedMs = Date.now()
    const broken = await sent(context, endpoint, atMostMs)
    const after = await servingStatus(context, endpoint, { member, atMostMs })
    if (broken && after.dbSizeBytes >= before.dbSizeBytes)
      throw new ActionError(
        `The defragmentation of ${member} was broken off: ${broken.message} Its database is as it was (${bytesText(after.dbSizeBytes)}), and it serves. Look at the end of its log, then retry.`,
        { cause: broken },
      )
    return told(member, before, after, Date.now() - startedMs, true)
  },
})

function told(member: string, before: MemberStatus, after: MemberStatus, tookMs: number, done: boolean) {
  const [beforeBytes, afterBytes] = [before.dbSizeBytes, after.dbSizeBytes]
  return { member, beforeBytes, afterBytes, freedBytes: Math.max(0, beforeBytes - afterBytes), tookMs, done }
}

/** Before 3.5 what is in use is that of the last write, so nothing can be concluded from it. */
function nothingToGain({ version, dbSizeBytes: sizeBytes, dbInUseBytes: inUseBytes }: MemberStatus): boolean {
  const gain = reclaimableBytes({ sizeBytes, inUseBytes })
  return minorOf(version) >= 5 && (gain < 2 ** 18 || gain < sizeBytes / 100)
}

async function refuseWithoutRoom(
  context: ActionContext,
  host: string,
  dataDir: string,
  { dbSizeBytes }: MemberStatus,
): Promise<void> {
  const { freeBytes } = await diskOf(context.host(host), `${dataDir}/member/snap`)
  if (freeBytes > dbSizeBytes) return
  throw new RefusedError(
    `${host} has ${bytesText(freeBytes)} free, and a defragmentation writes a second copy of the database (${bytesText(dbSizeBytes)}) before it drops the first. Make room on the disk of ${dataDir}.`,
  )
}

/** Once. Returns the error that leaves open what came of it; throws what says that nothing was done. */
async function sent(
  context: ActionContext,
  endpoint: EtcdEndpoint,
  atMostMs: number,
): Promise<EtcdError | undefined> {
  const startedMs = Date.now()
  const beat = setInterval(() => {
    context.progress({ text: `defragmenting for ${seconds(Date.now() - startedMs)}` })
  }, 1000)
  try {
    await endpoint.defragment({ timeoutMs: atMostMs, signal: context.signal })
    return undefined
  } catch (error) {
    context.signal.throwIfAborted()
    if (error instanceof EtcdError && error.ambiguous) return error
    throw error
  } finally {
    clearInterval(beat)
  }
}

/** A member that is being defragmented tells its status, and serves no read until it has ended. */
async function servingStatus(
  context: ActionContext,
  endpoint: EtcdEndpoint,
  { member, atMostMs }: { readonly member: string; readonly atMostMs: number },
): Promise<MemberStatus> {
  const startedMs = Date.now()
  let limitMs = atMostMs
  for (;;) {
    const waitedMs = Date.now() - startedMs
    try {
      const status = await endpoint.status({ signal: context.signal })
      limitMs = Math.max(limitMs, longestMs(status.dbSizeBytes))
      await endpoint.readThroughQuorum({ signal: context.signal })
      return await endpoint.status({ signal: context.signal })
    } catch (error) {
      context.signal.throwIfAborted()
      if (!(error instanceof EtcdError)) throw error
      if (waitedMs > limitMs)
        throw new UnknownOutcomeError(
          `${member} has served no read for ${seconds(waitedMs)}, more than its size allows for a defragmentation: ${error.message} It was not asked twice. Look at its log on ${endpoint.host}; a retry waits for it first.`,
          { cause: error },
        )
    }
    context.progress({ text: `waiting for ${member} to serve again for ${seconds(waitedMs)}` })
    await sleep(250, undefined, { signal: context.signal })
  }
}

function seconds(ms: number): string {
  return durationText(Math.round(ms / 1000) * 1000)
}
