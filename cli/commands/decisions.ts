import type { UpdateName } from '../../workflows/doors.ts'
import type { Command, FlagSpec } from '../command.ts'
import { whoAsks, withDoor } from '../door.ts'
import { exitCodes } from '../exit-codes.ts'
import { shortId } from '../view.ts'

const reason: FlagSpec = { type: 'string', short: 'r', value: 'TEXT', help: 'why, for the record' }
const comment: FlagSpec = {
  type: 'string',
  short: 'm',
  value: 'TEXT',
  help: 'what you say to it, for the record',
}
const details = 'RUN is an id or a part of one; it may be left out while exactly one run is open.'

/** Every decision is the same to the command line: the run itself says whether it is offered. */
export const decisions: readonly Command[] = [
  decision('approve', 'say yes to what a run asks', true, 'comment'),
  decision('reject', 'say no to what a run asks; its step fails with your comment', true, 'comment'),
  decision('retry', 'try the step that failed again', true),
  decision('skip', 'go on without the step that failed', true),
  decision('rollback', 'take back what was done, newest first', true),
  decision('abort', 'end the run here and leave everything as it is', true),
  decision('pause', 'stop before the next step', false),
  decision('resume', 'go on after a pause', false),
]

export const cancel: Command = {
  name: 'cancel',
  usage: '[RUN]',
  summary: 'end a run at its next step; what it did stays',
  details,
  flags: {},
  positionals: { min: 0, max: 1 },
  run: (invocation) =>
    withDoor(invocation, async (door) => {
      const { findRun } = await import('../../client/run.ts')
      const { cancelRun } = await import('../../client/decide.ts')
      const id = await findRun(door, invocation.positionals[0])
      await cancelRun(door, id)
      const message = 'It ends before its next step.'
      invocation.terminal.out(
        invocation.flags.on('json')
          ? JSON.stringify({ id, message })
          : `${message} quorate watch ${shortId(id)}`,
      )
      return exitCodes.done
    }),
}

function decision(
  name: UpdateName,
  summary: string,
  ofStep: boolean,
  says: 'reason' | 'comment' = 'reason',
): Command {
  const words = says === 'comment' ? { comment } : { reason }
  const step: FlagSpec = { type: 'string', value: 'STEP', help: 'only if it is this step that waits' }
  return {
    name,
    usage: `[RUN] [--${says} TEXT]`,
    summary,
    details,
    flags: ofStep ? { ...words, step } : words,
    positionals: { min: 0, max: 1 },
    run: (invocation) =>
      withDoor(invocation, async (door) => {
        const { positionals, flags, terminal, environment } = invocation
        const { findRun } = await import('../../client/run.ts')
        const { decide } = await import('../../client/decide.ts')
        const id = await findRun(door, positionals[0])
        const [why, which] = [flags.text(says), flags.text('step')]
        const answer = await decide(door, id, name, {
          by: whoAsks(environment),
          door: 'cli',
          ...(why === undefined ? {} : { [says]: why }),
          ...(which === undefined ? {} : { step: which }),
        })
        terminal.out(flags.on('json') ? JSON.stringify({ id, ...answer }) : answer.message)
        return exitCodes.done
      }),
  }
}
