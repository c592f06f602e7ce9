import { setTimeout as sleep } from 'node:timers/promises'
import type { Availability } from '../../dsl/availability.ts'
import type { Cluster } from '../../dsl/inventory.ts'
import type { EtcdEndpoint } from '../etcd/cluster.ts'
import { EtcdError, type EtcdErrorCode } from '../etcd/errors.ts'
import type { Beside } from './beside.ts'
import { createMeter, type RequestKind } from './meter.ts'

export interface ProbeOptions extends Beside {
  readonly cluster: string
  /** Id of the run: its key is `quorate/probe/RUN`. */
  readonly run: string
  readonly before: Availability | undefined
}

export interface Probe {
  figures(): Availability
  /** Waits for what is under way; with `tidy` it removes its key. Throws nothing. */
  stop(options: { readonly tidy: boolean }): Promise<Availability>
}

/**
 * Writes one reserved key and reads it through the quorum, each through the members in turn, without waiting for the
 * answers of before: a member that hangs holds up only itself. A failure is counted; that the key may not be written
 * ends the probe. Nothing of it is seen by the run.
 */
export function startProbe(options: ProbeOptions): Probe {
  const { cluster, run, before, signal, pool, clusterNow } = options
  const key = Buffer.from(`${keyPrefix}${run}`)
  const meter = createMeter(cluster, Date.now(), before)
  const underWay = new Map<string, Promise<void>>()
  let endpoints: readonly EtcdEndpoint[] = []
  const given: { up?: string } = {}
  let written = before?.writes.acknowledged ?? 0
  const turns = { writes: 0, reads: 1 }

  const send = async (kind: RequestKind, endpoint: EtcdEndpoint): Promise<void> => {
    meter.asked(kind, Date.now())
    try {
      if (kind === 'reads') await endpoint.key(key, 0, limits)
      else await endpoint.put(key, Buffer.from(new Date().toISOString()), limits)
      meter.acknowledged(kind, Date.now())
      if (kind === 'writes') written++
    } catch (error) {
      const { code, message } = told(error)
      if (forbidden.has(code)) given.up ??= message
      else meter.failed(kind, code, message)
    }
  }
  const sendNext = (kind: RequestKind): void => {
    const count = endpoints.length
    const tries = Array.from({ length: count }, (_, step) => (turns[kind] + step) % count)
    const turn = tries.find((index) => !underWay.has(`${kind} ${endpoints[index]?.url}`))
    const endpoint = turn === undefined ? undefined : endpoints[turn]
    if (turn === undefined || endpoint === undefined) return
    turns[kind] = turn + 1
    const name = `${kind} ${endpoint.url}`
    underWay.set(
      name,
      send(kind, endpoint).finally(() => void underWay.delete(name)),
    )
  }
  const keepInventory = async (): Promise<void> => {
    while (!signal.aborted && given.up === undefined) {
      endpoints = await clusterNow().then(
        (now) => membersOf(now).map((host) => pool.cluster(now).endpoint(host)),
        // An inventory that cannot be read now: the members are where they were.
        () => endpoints,
      )
      await sleep(inventoryEveryMs, undefined, { signal }).catch(() => undefined)
    }
  }
  const keepAsking = async (): Promise<void> => {
    let dueMs = Date.now()
    while (!signal.aborted && given.up === undefined) {
      const now = Date.now()
      if (now - dueMs > heldUpMs) meter.missed(dueMs, now)
      sendNext('writes')
      sendNext('reads')
      const everyMs = written < briskWrites || meter.waitingMs(now) > paceMs ? paceMs : slowPaceMs
      dueMs = Math.max(now, Date.now()) + everyMs
      await sleep(everyMs, undefined, { signal }).catch(() => undefined)
    }
  }
  const inventory = keepInventory()
  const asking = keepAsking()
  const figures = (): Availability => ({
    ...meter.figures(Date.now()),
    ...(given.up === undefined ? {} : { stopped: given.up }),
  })

  return {
    figures,
    async stop({ tidy }) {
      await Promise.all([inventory, asking])
      const last = figures()
      await Promise.all(underWay.values())
      if (tidy) await removeThrough(endpoints, key)
      return last
    },
  }
}

/** Whichever member takes it: a key that is left behind is harmless, but it is ours. */
async function removeThrough(endpoints: readonly EtcdEndpoint[], key: Uint8Array): Promise<void> {
  for (const endpoint of endpoints) {
    try {
      await endpoint.remove(key, limits)
      return
    } catch {
      // The next one.
    }
  }
}

const membersOf = ({ members, etcd }: Cluster): readonly string[] =>
  [...new Set(Object.values(members))].filter((host) => Object.hasOwn(etcd, host))

function told(error: unknown): { readonly code: EtcdErrorCode | 'other'; readonly message: string } {
  if (error instanceof EtcdError) return { code: error.code, message: error.message.slice(0, longestMessage) }
  const message = error instanceof Error ? error.message : String(error)
  return { code: 'other', message: message.slice(0, longestMessage) }
}

/** Asking again would only be refused again. */
const forbidden: ReadonlySet<string> = new Set(['permissionDenied', 'notAuthenticated', 'wrongPassword'])

/** No client's: keys of this beginning are Quorate's. */
const keyPrefix = 'quorate/probe/'
const limits = { timeoutMs: 1000 }
const paceMs = 50
/** Each write is a revision, kept until somebody compacts: after an hour of them a run that waits takes one a second. */
const briskWrites = 72_000
const slowPaceMs = 1000
/** A worker that could not even look at its clock for so long has measured nothing. */
const heldUpMs = 250
const inventoryEveryMs = 1000
const longestMessage = 300
