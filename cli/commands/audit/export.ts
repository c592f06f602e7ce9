import { setTimeout as sleep } from 'node:timers/promises'
import type { Archive } from '../../../audit/archive.ts'
import type { Checkpoint } from '../../../audit/store.ts'
import { type Command, UsageError } from '../../command.ts'
import { exitCodes } from '../../exit-codes.ts'
import { recordFlag, withRecord } from '../../record.ts'

export const exportCommand: Command = {
  name: 'audit export',
  usage: '[--after N] [--follow]',
  summary: 'print the events of what has ended as JSON lines, for a SIEM',
  details: `Each run's events in their order, as they were hashed, with "hash"; then the checkpoint that seals them, a line
with "checkpoint". Give the number "n" of the last one you have as --after, and nothing comes twice or is left out.
What a run writes is printed once it is sealed, seconds after its end. For one run as a file see \`quorate audit report --format bundle\`.`,
  flags: {
    after: { type: 'string', value: 'N', help: 'go on after this checkpoint' },
    follow: { type: 'boolean', help: 'go on as more runs end, until Ctrl-C' },
    ...recordFlag,
  },
  positionals: { min: 0, max: 0 },
  run: (invocation) =>
    withRecord(invocation, async (store) => {
      const { flags, terminal } = invocation
      let after = Number(flags.text('after') ?? 0)
      if (!Number.isInteger(after) || after < 0)
        throw new UsageError('--after needs the number of a checkpoint.')
      for (;;) {
        for await (const line of linesAfter(store, after)) {
          terminal.out(line.text)
          after = line.n ?? after
        }
        if (!flags.on('follow')) return exitCodes.done
        await sleep(FOLLOW_MS)
      }
    }),
}

const FOLLOW_MS = 2000

interface Line {
  readonly text: string
  /** Of a checkpoint. */
  readonly n?: number
}

/** What each later checkpoint covers and those before it did not, and then the checkpoint. */
async function* linesAfter(store: Archive, after: number): AsyncGenerator<Line> {
  const covered = new Map<string, number>()
  for await (const { checkpoint, text, hash, signature } of store.checkpoints()) {
    const from = covered.get(checkpoint.run) ?? 0
    covered.set(checkpoint.run, Math.max(from, checkpoint.seq))
    if (checkpoint.n <= after) continue
    yield* eventsOf(store, checkpoint, from)
    yield { text: `{"checkpoint":${text},"hash":"${hash}","signature":"${signature}"}`, n: checkpoint.n }
  }
}

async function* eventsOf(store: Archive, { run, seq }: Checkpoint, from: number): AsyncGenerator<Line> {
  for await (const { event, text, hash } of store.events(run)) {
    if (event.seq <= from) continue
    if (event.seq > seq) return
    yield { text: `${text.slice(0, -1)},"hash":"${hash}"}` }
  }
}
