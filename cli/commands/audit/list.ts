import type { RunQuery, RunRow } from '../../../audit/store.ts'
import { type Command, type Flags, type FlagSpec, UsageError } from '../../command.ts'
import { exitCodes } from '../../exit-codes.ts'
import { momentOf, recordFlag, withRecord } from '../../record.ts'
import { table } from '../../table.ts'
import { elapsed } from '../../terminal.ts'

export const filterFlags: Readonly<Record<string, FlagSpec>> = {
  cluster: { type: 'string', value: 'CLUSTER', help: 'only runs on it' },
  runbook: { type: 'string', value: 'RUNBOOK', help: 'only runs of it' },
  by: { type: 'string', value: 'PERSON', help: 'only what they asked for or decided in' },
  outcome: {
    type: 'string',
    value: 'OUTCOME',
    help: 'open, done, failed, aborted, rolledBack, cancelled, terminated or timedOut',
  },
  since: {
    type: 'string',
    value: 'WHEN',
    help: 'only what began then or later: a day, or how long ago (30d)',
  },
  until: { type: 'string', value: 'WHEN', help: 'only what began before' },
}

export const list: Command = {
  name: 'audit list',
  usage: '[TEXT] [--cluster C] [--runbook R] [--by PERSON] [--outcome O] [--since WHEN] [--until WHEN]',
  summary: 'list what is on record of runs, the newest first',
  details:
    'TEXT may stand in a run’s id, runbook, cluster, reason, or what it ended with. What Temporal has forgotten is here still.',
  flags: {
    ...filterFlags,
    limit: { type: 'string', value: 'N', help: 'how many at most (default 20)' },
    ...recordFlag,
  },
  positionals: { min: 0, max: 1 },
  run: (invocation) =>
    withRecord(invocation, async (store) => {
      const { flags, terminal, positionals } = invocation
      const limit = Number(flags.text('limit') ?? 20)
      if (!Number.isInteger(limit) || limit < 1)
        throw new UsageError('--limit needs a whole number from 1 on.')
      const [text] = positionals
      const { runs, total } = await store.runs({ ...queryOf(flags), limit, ...(text ? { text } : {}) })
      if (flags.on('json')) terminal.out(JSON.stringify({ total, runs }, null, 2))
      else if (total === 0) terminal.out('Nothing like that is on record.')
      else {
        const columns = terminal.live ? terminal.size().columns : Infinity
        terminal.out(
          table(['RUN', 'CLUSTER', 'ENDED', 'BEGAN', 'TOOK', 'BY', 'SEALED'], runs.map(rowOf), columns),
        )
        if (total > runs.length) terminal.err(`${total - runs.length} more: --limit, or narrow it down.`)
      }
      return exitCodes.done
    }),
}

export function queryOf(flags: Flags): RunQuery {
  const texts = { cluster: flags.text('cluster'), runbook: flags.text('runbook') }
  const more = { person: flags.text('by'), outcome: flags.text('outcome') }
  const when = {
    sinceMs: momentOf('since', flags.text('since')),
    untilMs: momentOf('until', flags.text('until')),
  }
  const given = Object.entries({ ...texts, ...more, ...when }).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given)
}

const rowOf = ({ workflow, began, ended, beganMs, events, sealed, hold }: RunRow): readonly string[] => [
  workflow,
  began?.cluster ?? '',
  outcomeWords[ended?.outcome ?? 'open'],
  `${new Date(beganMs).toISOString().slice(0, 16).replace('T', ' ')}Z`,
  ended === undefined ? '' : elapsed(ended.endedMs - ended.startedMs),
  began?.by ?? '',
  `${sealed === events ? 'yes' : sealed === 0 ? 'not yet' : 'in part'}${hold === undefined ? '' : ', held'}`,
]

const outcomeWords = {
  open: 'open',
  done: 'done',
  failed: 'failed',
  aborted: 'aborted',
  rolledBack: 'rolled back',
  cancelled: 'cancelled',
  terminated: 'terminated',
  timedOut: 'timed out',
} as const
