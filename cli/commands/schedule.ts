import { parseDuration } from '../../dsl/duration.ts'
import type { ScheduleTimes, ScheduleView } from '../../client/schedule.ts'
import { type Command, type Flags, UsageError } from '../command.ts'
import { whoAsks, withDoor } from '../door.ts'
import { exitCodes } from '../exit-codes.ts'
import { inputFlags, readInputs } from '../read-inputs.ts'
import { localRunbook } from '../runbook-files.ts'
import { table } from '../table.ts'
import { checkedInputs } from './run.ts'

export const schedule: Command = {
  name: 'schedule',
  usage: 'RUNBOOK --every DURATION | --cron FIELDS [--cluster C] [--input NAME=VALUE ...]',
  summary: 'have runs of a runbook started at times',
  details: `Temporal starts them, whether this machine runs or not. One that is due while the one before is still open is
left out; one that finds its cluster locked queues. \`quorate schedules\` lists what is scheduled.`,
  flags: {
    every: { type: 'string', value: 'DURATION', help: 'so often: 30m, 6h, 24h' },
    cron: {
      type: 'string',
      multiple: true,
      value: 'FIELDS',
      help: "at times in UTC: '0 3 * * *'; may be repeated",
    },
    name: { type: 'string', value: 'NAME', help: 'how it is called; RUNBOOK-CLUSTER unless said' },
    ...inputFlags,
  },
  positionals: { min: 1, max: 1 },
  async run({ positionals, flags, terminal, environment }) {
    const [runbook = ''] = positionals
    const times = timesIn(flags)
    const inputs = readInputs(flags.texts('input'), flags.text('cluster'))
    await checkedInputs(runbook, inputs, environment)
    await refuseUnattended(runbook, environment)
    const { cluster } = inputs
    const name = flags.text('name') ?? [runbook, ...(typeof cluster === 'string' ? [cluster] : [])].join('-')
    return withDoor({ environment }, async (door) => {
      const { createSchedule } = await import('../../client/schedule.ts')
      await createSchedule(door, { name, runbook, inputs, by: whoAsks(environment), ...times })
      terminal.out(flags.on('json') ? JSON.stringify({ name }) : `${name}: ${runbook} ${timesText(times)}`)
      return exitCodes.done
    })
  },
}

export const schedules: Command = {
  name: 'schedules',
  usage: '',
  summary: 'list what is scheduled',
  flags: {},
  positionals: { min: 0, max: 0 },
  run: ({ flags, terminal, environment }) =>
    withDoor({ environment }, async (door) => {
      const { listSchedules } = await import('../../client/schedule.ts')
      const found = await listSchedules(door)
      if (flags.on('json')) terminal.out(JSON.stringify(found, null, 2))
      else if (found.length === 0)
        terminal.out('Nothing is scheduled: `quorate help schedule` says how it is done.')
      else
        terminal.out(
          table(
            ['SCHEDULE', 'RUNBOOK', 'WHEN', 'NEXT', 'LAST RUN', 'BY'],
            found.map(row),
            terminal.size().columns,
          ),
        )
      return exitCodes.done
    }),
}

export const unschedule: Command = {
  name: 'unschedule',
  usage: 'SCHEDULE',
  summary: 'end a schedule; runs that it has started go on',
  flags: {},
  positionals: { min: 1, max: 1 },
  run: ({ positionals, flags, terminal, environment }) =>
    withDoor({ environment }, async (door) => {
      const [name = ''] = positionals
      const { deleteSchedule } = await import('../../client/schedule.ts')
      await deleteSchedule(door, name)
      terminal.out(flags.on('json') ? JSON.stringify({ name }) : `${name} is not scheduled any more.`)
      return exitCodes.done
    }),
}

function timesIn(flags: Flags): ScheduleTimes {
  const [every, cron] = [flags.text('every'), flags.texts('cron')]
  const everyMs = every === undefined ? undefined : parseDuration(every)
  if (every !== undefined && (everyMs === undefined || everyMs < 60_000))
    throw new UsageError(`--every takes a duration of a minute or more, such as 30m or 6h, not "${every}".`)
  if (everyMs === undefined && cron.length === 0)
    throw new UsageError('Say when: --every 6h, or --cron "0 3 * * *".')
  return { ...(everyMs !== undefined && { everyMs }), ...(cron.length > 0 && { cron }) }
}

/** What asks a person, or is for a disaster, is not started by a clock. */
async function refuseUnattended(runbook: string, environment: NodeJS.ProcessEnv): Promise<void> {
  const { found } = await localRunbook(runbook, environment)
  if (found?.compiled.ok !== true || found.compiled.value.quorum === 'kept') return
  throw new UsageError(`${runbook} is for a cluster that has lost its quorum, and is not started by a clock.`)
}

function row({ name, runbook, paused, nextMs, lastRun, by, ...times }: ScheduleView): readonly string[] {
  const next = nextMs === undefined ? '' : `${new Date(nextMs).toISOString().slice(0, 16).replace('T', ' ')}Z`
  return [name, runbook, timesText(times), paused ? 'paused' : next, lastRun ?? '', by ?? '']
}

function timesText({ everyMs, cron = [] }: ScheduleTimes): string {
  const every = everyMs === undefined ? [] : [`every ${minutesText(everyMs / 60_000)}`]
  return [...every, ...cron.map((fields) => `at "${fields}" UTC`)].join(' and ')
}

function minutesText(minutes: number): string {
  return minutes % 60 === 0 ? `${minutes / 60}h` : `${Math.round(minutes * 100) / 100}m`
}
