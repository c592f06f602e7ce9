import type { Command } from '../command.ts'
import { UsageError } from '../command.ts'
import { withDoor } from '../door.ts'
import { exitCodes } from '../exit-codes.ts'
import { table } from '../table.ts'
import { elapsed } from '../terminal.ts'
import { phaseWords } from '../view.ts'

export const runs: Command = {
  name: 'runs',
  usage: '[--open]',
  summary: 'list runs, the newest first',
  flags: {
    open: { type: 'boolean', help: 'only those that are not over' },
    limit: { type: 'string', value: 'N', help: 'how many at most (default 20)' },
  },
  positionals: { min: 0, max: 0 },
  run: (invocation) =>
    withDoor(invocation, async (door) => {
      const { flags, terminal } = invocation
      const limit = Number(flags.text('limit') ?? 20)
      if (!Number.isInteger(limit) || limit < 1)
        throw new UsageError('--limit needs a whole number from 1 on.')
      const { listRuns } = await import('../../client/run.ts')
      const found = await listRuns(door, { limit, ...(flags.on('open') ? { open: true } : {}) })
      if (flags.on('json')) {
        terminal.out(
          JSON.stringify(
            found.map(({ startedMs, endedMs, ...rest }) => ({
              ...rest,
              started: iso(startedMs),
              ended: endedMs === undefined ? undefined : iso(endedMs),
            })),
            null,
            2,
          ),
        )
      } else if (found.length === 0) {
        terminal.out(
          flags.on('open')
            ? 'No run is open.'
            : 'There are no runs yet: `quorate runbooks` lists what can be run.',
        )
      } else {
        const rows = found.map(({ id, phase, startedMs, endedMs, by }) => [
          id,
          phase === undefined ? '' : phaseWords[phase],
          `${iso(startedMs).slice(0, 16).replace('T', ' ')}Z`,
          elapsed((endedMs ?? Date.now()) - startedMs),
          by ?? '',
        ])
        terminal.out(
          table(
            ['RUN', 'STATE', 'STARTED', 'TOOK', 'BY'],
            rows,
            terminal.live ? terminal.size().columns : Infinity,
          ),
        )
      }
      return exitCodes.done
    }),
}

const iso = (ms: number): string => new Date(ms).toISOString()
