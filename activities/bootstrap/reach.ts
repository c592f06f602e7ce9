import type { Cluster } from '../../dsl/inventory.ts'
import { z } from 'zod'
import { type ActionContext, defineAction } from '../action.ts'
import { ActionError, UnknownOutcomeError } from '../failure.ts'
import { jobKey } from '../host/job-key.ts'
import { whileListening } from '../host/listener.ts'
import { portsSeenFrom } from '../host/ports.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'

export const bootstrapNetwork = defineAction({
  name: 'etcd.bootstrap.network',
  title: 'check that the hosts reach each other',
  doc: "Tries whether every member's host reaches every other's peer port, with a listener on each for that moment. For hosts where etcd is installed and nothing runs yet. Changes nothing.",
  effect: 'read',
  subject: ['cluster'],
  input: z.strictObject({ cluster: z.string().describe('The cluster that is to be made') }),
  output: z.strictObject({
    ok: z.boolean().describe('All reach all'),
    problems: z.array(z.string()).describe('Who does not reach whom, a sentence each'),
  }),
  example: { cluster: 'demo' },
  timeoutMs: 120_000,
  run: async (asked, context) => {
    const problems = await unreached(clusterNamed(context.inventory, asked.cluster), context)
    return { ok: problems.length === 0, problems: [...problems] }
  },
})

/**
 * Whether every member's host reaches every other's peer port, tried with a listener on each; what does not
 * hold, a sentence each. Only for hosts where nothing runs yet.
 */
export async function unreached(cluster: Cluster, context: ActionContext): Promise<readonly string[]> {
  const hosts = Object.values(cluster.members)
  const problems = await Promise.all(
    hosts.map(async (host) => {
      const { address, peerPort, binDir } = layoutOn(cluster, host)
      const at = { address, port: peerPort }
      const listening = {
        ...{ host: context.host(host), at, binDir },
        ...{ key: jobKey(context, host), signal: context.signal },
      }
      try {
        return await whileListening(listening, async () => {
          const seen = await Promise.all(
            hosts.map(async (from) => ({ from, state: (await portsSeenFrom(context.host(from), [at]))[0] })),
          )
          return seen.flatMap(({ from, state }) =>
            state === 'open'
              ? []
              : [
                  `${from} does not reach the peer port ${peerPort} of ${host} at ${address} (tried with a listener there): open it in the firewall${state === 'unknown' ? `, or install bash, nc, python3 or perl on ${from}` : ''}.`,
                ],
          )
        })
      } catch (error) {
        if (error instanceof ActionError || error instanceof UnknownOutcomeError) return [error.message]
        throw error
      }
    }),
  )
  return problems.flat()
}
