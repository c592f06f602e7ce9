import type { Command } from '../command.ts'
import { withDoor } from '../door.ts'
import { exitCodes } from '../exit-codes.ts'
import { runJson } from '../run-outcome.ts'
import { renderView } from '../view.ts'
import { watchToEnd } from './run.ts'

export const show: Command = {
  name: 'show',
  usage: '[RUN]',
  summary: 'show how a run stands',
  details: 'RUN is an id or a part of one; it may be left out while exactly one run is open.',
  flags: {},
  positionals: { min: 0, max: 1 },
  run: (invocation) =>
    withDoor(invocation, async (door) => {
      const { positionals, flags, terminal } = invocation
      const { describeRun, findRun } = await import('../../client/run.ts')
      const run = await describeRun(door, await findRun(door, positionals[0]))
      const { columns } = terminal.size()
      terminal.out(
        flags.on('json')
          ? JSON.stringify(runJson(run), null, 2)
          : renderView(run, { columns, colour: terminal.colour, now: Date.now() }).join('\n'),
      )
      return exitCodes.done
    }),
}

export const watch: Command = {
  name: 'watch',
  usage: '[RUN]',
  summary: 'watch a run until it ends or needs you',
  details: `RUN is an id or a part of one; it may be left out while exactly one run is open.
It survives restarts of the worker and of Temporal. Ctrl-C ends only the watching.`,
  flags: {},
  positionals: { min: 0, max: 1 },
  run: (invocation) =>
    withDoor(invocation, async (door) => {
      const { findRun } = await import('../../client/run.ts')
      return watchToEnd(door, await findRun(door, invocation.positionals[0]), invocation)
    }),
}
