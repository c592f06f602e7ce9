import type { UpdateArgument, UpdateName } from '../../workflows/doors.ts'
import { type Command, type FlagSpec, type Invocation, UsageError } from '../command.ts'
import { whoAsks, withDoor } from '../door.ts'
import { exitCodes } from '../exit-codes.ts'
import { shortId } from '../view.ts'

const comment: FlagSpec = { type: 'string', short: 'm', value: 'TEXT', help: 'why, for the record' }
const reason: FlagSpec = { type: 'string', short: 'r', value: 'TEXT', help: 'the same as --comment' }
const step: FlagSpec = { type: 'string', value: 'STEP', help: 'only if it is this step that waits' }
const ask: FlagSpec = { type: 'string', value: 'N', help: 'only if it is this asking that waits' }
const typed: FlagSpec = { type: 'string', value: 'TEXT', help: 'what has to be typed to confirm it' }
const details = `RUN is an id or a part of one; it may be left out while exactly one run is open.
What is decided is bound to what the run asks at this moment and to its program. Who you are for the record
is $QUORATE_BY, else USER@MACHINE; \`quorate show\` lists what was decided, by whom.`

/** Every decision is the same to the command line: the run itself says whether it is offered. */
export const decisions: readonly Command[] = [
  decision('approve', 'say yes to what a run asks', { comment, reason, step, ask }),
  decision('reject', 'say no to what a run asks; its step fails with your comment', {
    comment,
    reason,
    step,
    ask,
  }),
  decision('confirm', 'say that what had to be done by hand is done', {
    comment,
    reason,
    step,
    ask,
    type: typed,
  }),
  decision('retry', 'try the step that failed again', { comment, reason, step, ask }),
  decision('skip', 'go on without the step that failed', { comment, reason, step, ask }),
  decision('rollback', 'take back what was done, newest first', { comment, reason, step, ask }),
  decision('abort', 'end the run here and leave everything as it is', { comment, reason, step, ask }),
  decision('pause', 'stop before the next step', { comment, reason }),
  decision('resume', 'go on after a pause', { comment, reason }),
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

function decision(name: UpdateName, summary: string, flags: Command['flags']): Command {
  return {
    name,
    usage: `[RUN]${flags['type'] === undefined ? '' : ' [--type TEXT]'} [--comment TEXT]`,
    summary,
    details,
    flags,
    positionals: { min: 0, max: 1 },
    run: (invocation) =>
      withDoor(invocation, async (door) => {
        const { positionals, terminal, environment } = invocation
        const { describeRun, findRun } = await import('../../client/run.ts')
        const { boundTo, decide } = await import('../../client/decide.ts')
        const id = await findRun(door, positionals[0])
        const { status } = await describeRun(door, id)
        const seen = flags['step'] === undefined ? { hash: boundTo(status).hash } : boundTo(status)
        const answer = await decide(door, id, name, {
          ...withoutMissing({ ...seen, ...said(invocation) }),
          by: whoAsks(environment),
          door: 'cli',
        })
        terminal.out(invocation.flags.on('json') ? JSON.stringify({ id, ...answer }) : answer.message)
        return exitCodes.done
      }),
  }
}

function said({ flags }: Invocation): UpdateArgument {
  const number = flags.text('ask')
  if (number !== undefined && !/^\d{1,6}$/.test(number))
    throw new UsageError(`--ask takes the number that \`quorate show\` gives, not "${number}".`)
  return withoutMissing({
    comment: flags.text('comment') ?? flags.text('reason'),
    step: flags.text('step'),
    ask: number === undefined ? undefined : Number(number),
    typed: flags.text('type'),
  })
}

type Maybe<Value> = { readonly [Key in keyof Value]?: Value[Key] | undefined }

const withoutMissing = (argument: Maybe<UpdateArgument>): UpdateArgument =>
  Object.fromEntries(Object.entries(argument).filter(([, value]) => value !== undefined))
