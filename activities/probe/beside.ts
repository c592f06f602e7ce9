import { setTimeout as sleep } from 'node:timers/promises'
import type { NewEvent } from '../../audit/event.ts'
import { type Availability, availabilityIn } from '../../dsl/availability.ts'
import type { Cluster } from '../../dsl/inventory.ts'
import { type Sight, sightOf } from '../../dsl/member-sight.ts'
import type { Json } from '../../dsl/program.ts'
import type { BesideDetails, BesideRequest } from '../../workflows/ports.ts'
import type { Environment } from '../environment.ts'
import { createEtcdPool, type EtcdPool } from '../etcd/pool.ts'
import { asJson } from '../as-json.ts'
import { clusterNamed } from '../inventory/look-up.ts'
import { watchMembers } from './members.ts'
import { startProbe } from './probe.ts'

/** What goes on beside the steps of a run works with, apart from what the steps use: it may not disturb them. */
export interface Beside {
  readonly pool: EtcdPool
  readonly signal: AbortSignal
  /** The cluster as the inventory has it now. */
  clusterNow(): Promise<Cluster>
}

export interface BesideAttempt {
  /** Aborted when the run is over, and when the worker stops. */
  readonly signal: AbortSignal
  /** Whether another attempt will follow this one, so that nothing is to be tidied up. */
  readonly goesOn: () => boolean
  /** What the attempt before this one said last. */
  readonly said: Json | undefined
  heartbeat(details: Json): void
}

/** The activities `quorate.probe` (measures and watches) and `quorate.watch` (watches only) until the run is over. */
export async function goBeside(
  request: BesideRequest,
  environment: Environment,
  attempt: BesideAttempt,
): Promise<Availability | null> {
  const { cluster: name, run, probe } = request
  const pool = createEtcdPool()
  const clusterNow = async () => clusterNamed(await environment.inventory(), name)
  const beside: Beside = { pool, signal: attempt.signal, clusterNow }
  let sight: Sight | undefined = sightOf(attempt.said)
  const meter = probe
    ? startProbe({
        ...beside,
        cluster: name,
        run: run.id,
        before: availabilityIn(attempt.said) ?? request.before,
      })
    : undefined
  const watching = watchMembers(beside, (seen) => (sight = seen))
  try {
    while (!attempt.signal.aborted) {
      attempt.heartbeat(asJson(detailsOf(sight, meter?.figures())))
      await sleep(1000, undefined, { signal: attempt.signal }).catch(() => undefined)
    }
    const availability = await meter?.stop({ tidy: !attempt.goesOn() })
    attempt.heartbeat(asJson(detailsOf(sight, availability)))
    if (attempt.goesOn()) throw attempt.signal.reason
    if (availability === undefined) return null
    await measured(environment, request, availability)
    return availability
  } finally {
    await watching
    pool.close()
  }
}

/** The same id however often it comes; a record that is away loses nothing, because the run's end has the figures, too. */
async function measured(
  { record }: Environment,
  { run }: BesideRequest,
  availability: Availability,
): Promise<void> {
  const event: NewEvent = {
    ...{ run: run.key, workflow: run.id, id: 'run.measured', at: new Date().toISOString() },
    ...{ name: 'run.measured', data: { availability: asJson(availability) } },
  }
  await record.append([event]).catch(() => undefined)
}

function detailsOf(sight: Sight | undefined, availability: Availability | undefined): BesideDetails {
  return {
    atMs: sight?.atMs ?? Date.now(),
    ...(sight === undefined ? {} : { members: sight.members }),
    ...(availability === undefined ? {} : { availability }),
  }
}
