import { createEtcdClient, type EtcdClient, type KeySpaceHash } from '../../lab/etcd-client.ts'
import type { Lab } from '../../lab/process.ts'
import type { ClusterSight } from './sight.ts'

export function endpointOf(lab: Lab, host: string): string {
  const { address, clientPort } = lab.host(host)
  return `${address}:${clientPort}`
}

/**
 * Looks at a cluster in which nobody writes. `then` is a revision of the first look; by default the newest.
 * Throws when a member does not answer, or does not catch up with the others within ten seconds.
 */
export async function lookAt(
  members: readonly string[],
  moving: string,
  then?: number,
): Promise<ClusterSight> {
  const clients = new Map(members.map((endpoint) => [endpoint, createEtcdClient(endpoint)]))
  try {
    const of = clients.get(moving)
    if (of === undefined) throw new Error(`${moving} is none of ${members.join(', ')}`)
    const [keys, member] = await Promise.all([of.count(), of.status()])
    return {
      keys,
      member,
      hashes: await hashAll(clients, member.revision),
      hashesThen: await hashAll(clients, then ?? member.revision),
    }
  } finally {
    clients.forEach((client) => client.close())
  }
}

const CATCH_UP_WITHIN_MS = 10_000

async function hashAll(
  clients: ReadonlyMap<string, EtcdClient>,
  revision: number,
): Promise<Record<string, KeySpaceHash>> {
  const entries = await Promise.all(
    [...clients].map(async ([endpoint, client]) => [endpoint, await hashAt(client, revision)] as const),
  )
  return Object.fromEntries(entries)
}

/** A member that is still a few entries behind answers that the revision is in the future. */
async function hashAt(client: EtcdClient, revision: number): Promise<KeySpaceHash> {
  const deadline = Date.now() + CATCH_UP_WITHIN_MS
  for (;;) {
    try {
      return await client.hash(revision)
    } catch (error) {
      const behind = error instanceof Error && error.message.includes('future revision')
      if (!behind || Date.now() > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}
