import type { hold } from '../../../audit/retention.ts'
import type { RunRow } from '../../../audit/store.ts'
import { parseDuration } from '../../../dsl/duration.ts'
import { type Command, type FlagSpec, type Invocation, UsageError } from '../../command.ts'
import { whoAsks } from '../../door.ts'
import { exitCodes } from '../../exit-codes.ts'
import { findRecorded, recordFlag, sealKeyFile, withRecord } from '../../record.ts'

const reasonFlag: FlagSpec = { type: 'string', value: 'TEXT', help: 'why; it is signed and kept' }

export const holdCommand: Command = {
  name: 'audit hold',
  usage: 'RUN --reason TEXT',
  summary: 'keep a run on record whatever its age, until it is released',
  flags: { reason: reasonFlag, ...recordFlag },
  positionals: { min: 1, max: 1 },
  async run(invocation) {
    const retention = await import('../../../audit/retention.ts')
    return decree(invocation, retention.hold, 'is held: `audit gc` leaves it, until `quorate audit release`.')
  },
}

export const releaseCommand: Command = {
  name: 'audit release',
  usage: 'RUN --reason TEXT',
  summary: 'end a hold',
  flags: { reason: reasonFlag, ...recordFlag },
  positionals: { min: 1, max: 1 },
  async run(invocation) {
    const retention = await import('../../../audit/retention.ts')
    return decree(invocation, retention.release, 'is released.')
  },
}

function decree(invocation: Invocation, work: typeof hold, said: string) {
  const { flags, terminal, positionals, environment } = invocation
  const reason = flags.text('reason') ?? ''
  if (reason.trim() === '') throw new UsageError('--reason is needed: it is what is asked about in a year.')
  return withRecord(
    invocation,
    async (store) => {
      const { run, workflow } = await findRecorded(store, positionals[0] ?? '')
      const { openSealKey } = await import('../../../audit/seal-key.ts')
      const key = openSealKey(sealKeyFile(invocation))
      const { checkpoint } = await work(store, run, key, { reason, by: whoAsks(environment) })
      terminal.out(flags.on('json') ? JSON.stringify(checkpoint) : `${workflow} ${said}`)
      return exitCodes.done
    },
    { write: true },
  )
}

export const gc: Command = {
  name: 'audit gc',
  usage: '--older-than AGE | --run RUN … --reason TEXT [--yes]',
  summary: 'take runs out of the record that are past their time',
  details: `Whole runs, each after a signed checkpoint that says so; the chain stays whole and \`audit verify\` says what was
removed, when and by whom. Runs that are held or have not ended stay. Without --yes it only says what it would do.`,
  flags: {
    'older-than': { type: 'string', value: 'AGE', help: 'runs that ended longer ago: 400d' },
    run: { type: 'string', multiple: true, value: 'RUN', help: 'this one; may be repeated' },
    reason: reasonFlag,
    yes: { type: 'boolean', help: 'do it' },
    ...recordFlag,
  },
  positionals: { min: 0, max: 0 },
  async run(invocation) {
    const { flags, terminal, environment } = invocation
    const [age, names, reason] = [flags.text('older-than'), flags.texts('run'), flags.text('reason')]
    if ((age === undefined) === (names.length === 0))
      throw new UsageError('Say which: either --older-than 400d, or --run RUN.')
    const olderThanMs = age === undefined ? 0 : parseDuration(age)
    if (olderThanMs === undefined)
      throw new UsageError(`--older-than is "${age}": write how long, like 400d.`)
    if (reason === undefined && age === undefined) throw new UsageError('--reason is needed with --run.')
    const write = flags.on('yes')
    const { removeRuns } = await import('../../../audit/retention.ts')
    const { openSealKey } = await import('../../../audit/seal-key.ts')
    return withRecord(
      invocation,
      async (store) => {
        const runs = await Promise.all(names.map(async (name) => (await findRecorded(store, name)).run))
        const done = await removeRuns(store, openSealKey(sealKeyFile(invocation)), {
          what: age === undefined ? { runs } : { olderThanMs },
          reason: reason ?? `older than ${age}`,
          by: whoAsks(environment),
          dryRun: !write,
        })
        if (flags.on('json')) terminal.out(JSON.stringify({ dryRun: !write, ...done }, null, 2))
        else {
          const verb = write ? 'Removed' : 'Would remove'
          for (const row of done.removed) terminal.out(`${verb} ${lineOf(row)}`)
          for (const { run, workflow = run, why } of done.kept) terminal.out(`Stays: ${workflow}. ${why}`)
          const [gone, stay] = [done.removed.length, done.kept.length]
          terminal.err(
            write
              ? `${gone} removed, ${stay} kept.`
              : `${gone} would be removed, ${stay} kept. Nothing was done yet: --yes does it.`,
          )
        }
        return exitCodes.done
      },
      { write },
    )
  },
}

const lineOf = ({ workflow, beganMs, events }: RunRow): string =>
  `${workflow} of ${new Date(beganMs).toISOString().slice(0, 10)}, ${events} events`
