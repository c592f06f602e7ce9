import type { Archive } from '../../../audit/archive.ts'
import type { CollectorOptions } from '../../../audit/collect/collector.ts'
import { taskQueue } from '../../../client/door.ts'
import type { Command, Invocation } from '../../command.ts'
import { withDoor } from '../../door.ts'
import { exitCodes } from '../../exit-codes.ts'
import { recordFlag, sealKeyFile, withRecord } from '../../record.ts'
import { wrapped } from '../../terminal.ts'

export const collect: Command = {
  name: 'audit collect',
  usage: '[--check]',
  summary: 'put on record what has ended and is not yet, as workers do by themselves',
  details: `For when no worker reaches the record for long, and for cron. --check only says whether Temporal is about to forget
a run that is not on record; exit code 1 when it is, or when something could not be collected.`,
  flags: {
    check: { type: 'boolean', help: 'only look how near Temporal is to forgetting something' },
    ...recordFlag,
  },
  positionals: { min: 0, max: 0 },
  run: (invocation) => {
    const { flags, terminal } = invocation
    const only = flags.on('check')
    return withRecord(
      invocation,
      (store) =>
        withDoor(invocation, async ({ client, namespace }) => {
          const { retentionSight } = await import('../../../audit/collect/retention.ts')
          const where = { client, namespace, taskQueue, store }
          const done = only ? nothing : await collected(where, invocation)
          const sight = await retentionSight(where)
          if (flags.on('json')) terminal.out(JSON.stringify({ ...done, retention: sight }, null, 2))
          else {
            for (const run of done.runs) terminal.out(`${run} is on record.`)
            for (const { workflow, why } of done.failed) terminal.err(`${workflow}: ${why}`)
            for (const problem of done.anchors) terminal.err(problem)
            const said = sight.warning ?? 'Nothing that Temporal is about to forget is missing on record.'
            wrapped(said, terminal.size().columns).forEach((line) => terminal.out(line))
          }
          const well = sight.warning === undefined && done.failed.length + done.anchors.length === 0
          return well ? exitCodes.done : exitCodes.failed
        }),
      { write: !only },
    )
  },
}

const nothing = { runs: [], failed: [], anchors: [] } as const

interface Where extends Omit<CollectorOptions, 'seal'> {
  readonly store: Archive
}

async function collected(where: Where, invocation: Invocation) {
  const [{ createCollector }, { createSealing }, { openSealKey }, { openAnchors }] = await Promise.all([
    import('../../../audit/collect/collector.ts'),
    import('../../../audit/collect/sealing.ts'),
    import('../../../audit/seal-key.ts'),
    import('../../../audit/anchor.ts'),
  ])
  const anchors = openAnchors(invocation.environment['QUORATE_ANCHORS'] ?? '')
  const { seal, publish } = createSealing(where.store, openSealKey(sealKeyFile(invocation)), anchors)
  const done = await createCollector({ ...where, seal }).pass()
  return { ...done, anchors: await publish() }
}
