import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { type ActionContext, defineAction } from '../action.ts'
import type { EtcdEndpoint } from '../etcd/cluster.ts'
import { EtcdError } from '../etcd/errors.ts'
import { inspectAsItIs } from '../etcd/guard.ts'
import { ActionError, InputError, RefusedError } from '../failure.ts'

export const compact = defineAction({
  name: 'etcd.compact',
  title: 'forget old revisions',
  doc: 'Forgets what keys were before a revision, or before the newest so many; the keys of now stay. Waits until every member that answers has taken it out of its database, so that a defragmentation afterwards gives it all back. Who watches or reads from an older revision has to start anew. Cannot be taken back. Refuses while an alarm says that data is corrupt.',
  effect: 'change',
  subject: ['cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    revision: z.int().min(1).optional().describe('The oldest revision that can still be read afterwards'),
    keep: z.int().min(0).optional().describe('In place of it: how many revisions before the newest to keep'),
  }),
  output: z.strictObject({
    revision: z
      .int()
      .describe('The oldest revision that can still be read; 0 when nothing was to be forgotten'),
    newest: z.int().describe('The newest revision when it was looked up'),
    compacted: z.boolean().describe('False when that much had been forgotten before'),
    pending: z
      .array(z.string())
      .describe('Members that did not answer; they forget it too, once they are back'),
  }),
  example: { cluster: 'demo', keep: 1000 },
  timeoutMs: 60 * 60_000,
  run: async ({ cluster: name, revision, keep }, context) => {
    if ((revision === undefined) === (keep === undefined))
      throw new InputError('etcd.compact needs either "revision" or "keep".')
    const seen = await inspectAsItIs(context, name, ['NOSPACE'])
    const corrupt = seen.alarms.filter((alarm) => alarm.startsWith('CORRUPT'))
    if (corrupt.length > 0)
      throw new RefusedError(
        `${name} was not compacted: ${corrupt.join(', ')}. Old revisions may be what tells the sound members from the others: replace that member first (etcd-replace-member).`,
      )
    const members = seen.members.filter(
      (member) => member.reachable && !member.isLearner && member.host !== '',
    )
    const leader = members.find(({ isLeader }) => isLeader)
    if (!leader) throw new ActionError(`${name} has no leader that all agree on. ${seen.problems.join(' ')}`)
    const endpointOf = ({ host }: { readonly host: string }) => context.cluster(name).endpoint(host)
    const { revision: newest } = await endpointOf(leader).readThroughQuorum({ signal: context.signal })
    const target = revision ?? newest - (keep ?? 0)
    if (target > newest)
      throw new InputError(`${name} is at revision ${newest}, and has no revision ${target} yet.`)
    if (target < 1) return { revision: 0, newest, compacted: false, pending: [] }
    const first = await settled(context, endpointOf(leader), target)
    if (first === 'silent')
      throw new ActionError(
        `${leader.name} of ${name} did not answer any more. The compaction may take place all the same; a retry finds that out.`,
      )
    const others = members.filter((member) => member !== leader)
    const outcomes = await Promise.all(others.map((member) => settled(context, endpointOf(member), target)))
    const silent = others.filter((_, at) => outcomes[at] === 'silent').map((member) => member.name)
    const away = seen.members.filter((member) => !members.includes(member)).map((member) => member.name)
    return { revision: target, newest, compacted: first === 'done', pending: [...silent, ...away] }
  },
})

/**
 * Asks one member until it has taken the old revisions out of its own database. A second compaction to the same
 * revision answers that it was compacted before, but not until the first has ended there. Seen with 3.4 to 3.7.
 */
async function settled(
  context: ActionContext,
  endpoint: EtcdEndpoint,
  revision: number,
): Promise<'done' | 'before' | 'silent'> {
  let patience = 20
  for (let asked = 0; patience > 0; asked++) {
    try {
      await endpoint.compact(revision, { timeoutMs: 30_000, signal: context.signal })
      return 'done'
    } catch (error) {
      context.signal.throwIfAborted()
      if (!(error instanceof EtcdError)) throw error
      if (error.code === 'compacted') return asked === 0 ? 'before' : 'done'
      if (!error.ambiguous && error.code !== 'noLeader') throw error
      const busy = error.code === 'noAnswerInTime' && (await answers(endpoint, context.signal))
      if (!busy) patience -= 1
    }
    context.progress({ text: `${endpoint.host} takes old revisions out of its database` })
    await sleep(500, undefined, { signal: context.signal })
  }
  return 'silent'
}

async function answers(endpoint: EtcdEndpoint, signal: AbortSignal): Promise<boolean> {
  try {
    await endpoint.status({ signal })
    return true
  } catch (error) {
    if (error instanceof EtcdError) return false
    throw error
  }
}
