import type { Command } from '../command.ts'
import { decisionLines } from '../decision-lines.ts'
import { withDoor } from '../door.ts'
import { exitCodes } from '../exit-codes.ts'
import { runJson } from '../run-outcome.ts'
import { renderView } from '../view.ts'
import { keysHelp, watchToEnd } from './run.ts'

export const show: Command = {
  name: 'show',
  usage: '[RUN]',
  summary: 'show how a run stands, and what was decided in it',
  details: 'RUN is an id or a part of one; it may be left out while exactly one run is open.',
  flags: {},
  positionals: { min: 0, max: 1 },
  run: (invocation) =>
    withDoor(invocation, async (door) => {
      const { positionals, flags, terminal } = invocation
      const { describeRun, findRun } = await import('../../client/run.ts')
      const { readEvidence } = await import('../../client/evidence.ts')
      const run = await describeRun(door, await findRun(door, positionals[0]))
      const evidence = await readEvidence(door, run.id)
      if (flags.on('json')) {
        terminal.out(JSON.stringify({ ...runJson(run), evidence }, null, 2))
        return exitCodes.done
      }
      const { columns } = terminal.size()
      const options = { columns, colour: terminal.colour, now: Date.now() }
      const decided = evidence === undefined ? [] : decisionLines(evidence, options)
      terminal.out([...renderView(run, options), ...decided].join('\n'))
      return exitCodes.done
    }),
}

export const watch: Command = {
  name: 'watch',
  usage: '[RUN]',
  summary: 'watch a run until it ends or needs you',
  details: `RUN is an id or a part of one; it may be left out while exactly one run is open.
It survives restarts of the worker and of Temporal. Ctrl-C ends only the watching.
${keysHelp}`,
  flags: {},
  positionals: { min: 0, max: 1 },
  run: (invocation) =>
    withDoor(invocation, async (door) => {
      const { findRun } = await import('../../client/run.ts')
      return watchToEnd(door, await findRun(door, invocation.positionals[0]), invocation)
    }),
}
