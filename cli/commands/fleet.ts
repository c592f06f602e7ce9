import { parseDuration } from '../../dsl/duration.ts'
import type { FleetRequest } from '../../workflows/doors.ts'
import { type Command, type Flags, UsageError } from '../command.ts'
import { whoAsks, withDoor } from '../door.ts'
import { exitCodes } from '../exit-codes.ts'
import { inputFlags, readInputs } from '../read-inputs.ts'
import { startedText, watchToEnd } from './run.ts'

export const fleet: Command = {
  name: 'fleet',
  usage: 'RUNBOOK --clusters SELECTION [--at-once N] [--canary C] [--soak D] [--input NAME=VALUE ...]',
  summary: 'run a runbook on many clusters, one after another',
  details: `A run for each cluster, each a run like any other. The canary goes first and alone, then so many at once. A
cluster counts once its run is done and it was seen to be healthy, for as long as --soak says; the first
that is not stops the fleet, and nothing new is begun while a run waits for a person. Everything is checked
for every cluster before the first is touched.
SELECTION: names (a,b), patterns (prod-*), labels of the inventory (env=prod, env=prod&region=eu), !WHAT
leaves out.`,
  flags: {
    clusters: { type: 'string', multiple: true, value: 'SELECTION', help: 'which clusters; may be repeated' },
    'at-once': { type: 'string', value: 'N', help: 'how many at a time after the canary; 1 unless said' },
    canary: { type: 'string', value: 'CLUSTER', help: 'which goes first; by name unless said' },
    soak: { type: 'string', value: 'DURATION', help: 'how long each must stay healthy before the next: 10m' },
    input: inputFlags.input,
    detach: { type: 'boolean', short: 'd', help: 'return once it is started' },
    reason: { type: 'string', value: 'TEXT', help: 'why, for the record' },
  },
  positionals: { min: 1, max: 1 },
  async run(invocation) {
    const { positionals, flags, terminal, environment } = invocation
    const [runbook = ''] = positionals
    const request = requestOf(runbook, flags)
    const reason = flags.text('reason')
    return withDoor(invocation, async (door) => {
      const { startFleet } = await import('../../client/start-fleet.ts')
      const memo = { by: whoAsks(environment), ...(reason === undefined ? {} : { reason }) }
      const id = await startFleet(door, request, memo)
      if (!flags.on('detach')) return watchToEnd(door, id, invocation)
      terminal.out(startedText(door, id, flags.on('json')))
      return exitCodes.done
    })
  },
}

function requestOf(runbook: string, flags: Flags): FleetRequest {
  const clusters = flags.texts('clusters')
  if (clusters.length === 0)
    throw new UsageError(
      "Say which clusters: --clusters prod-eu,prod-us, --clusters 'prod-*', --clusters env=prod.",
    )
  const inputs = readInputs(flags.texts('input'), undefined)
  if (inputs['cluster'] !== undefined)
    throw new UsageError('The clusters are given by --clusters, not as an input.')
  const [canary, soak] = [flags.text('canary'), flags.text('soak')]
  if (soak !== undefined && parseDuration(soak) === undefined)
    throw new UsageError(`--soak takes a duration such as 30s or 10m, not "${soak}".`)
  return {
    ...{ runbook, clusters, inputs, atOnce: atOnceOf(flags.text('at-once') ?? '1') },
    ...(canary === undefined ? {} : { canary }),
    ...(soak === undefined ? {} : { soak }),
  }
}

function atOnceOf(text: string): number {
  if (/^[1-9]\d?$/.test(text)) return Number(text)
  throw new UsageError(`--at-once takes a number from 1 to 99, not "${text}".`)
}
