import type { Door } from '../../client/door.ts'
import type { RunSnapshot } from '../../client/run.ts'
import { type Command, UsageError } from '../command.ts'
import { withDoor } from '../door.ts'
import { exitCodes } from '../exit-codes.ts'
import { inputFlags, readInputs } from '../read-inputs.ts'
import { localRunbook } from '../runbook-files.ts'
import { checkedInputs } from './run.ts'

export const link: Command = {
  name: 'link',
  usage: 'RUNBOOK [--cluster C] [--input NAME=VALUE ...] | RUN',
  summary: 'link to the Temporal UI: to start a run there, or to one that was',
  details: `For a runbook: the Start form with everything filled in but the input, which is printed to be pasted there (the
UI takes none from a link). For a run: its page, and the Start form with its input, to do the same once more.
Where the UI is: $QUORATE_TEMPORAL_UI, or the one of \`quorate up\`, or Temporal Cloud's.`,
  flags: inputFlags,
  positionals: { min: 1, max: 1 },
  async run(invocation) {
    const { positionals, flags, terminal, environment } = invocation
    const [what = ''] = positionals
    const inputs = readInputs(flags.texts('input'), flags.text('cluster'))
    const { names } = await localRunbook(what, environment)
    const isRunbook = names.includes(what)
    if (isRunbook && Object.keys(inputs).length > 0) await checkedInputs(what, inputs, environment)
    return withDoor(invocation, async (door) => {
      if (door.ui === undefined) throw new UsageError(unknownUi(door.address))
      const said = isRunbook
        ? await toStart(door.ui, what, inputs)
        : toRun(door.ui, await describe(door, what))
      terminal.out(flags.on('json') ? JSON.stringify(said) : lines(said).join('\n'))
      return exitCodes.done
    })
  },
}

interface Links {
  /** The run's page. */
  readonly run?: string
  /** The Start form. */
  readonly start: string
  /** What is to be put in there. */
  readonly input?: Readonly<Record<string, unknown>>
}

type Ui = NonNullable<Door['ui']>

async function toStart(ui: Ui, runbook: string, input: Readonly<Record<string, string>>): Promise<Links> {
  const { newRunId } = await import('../../client/run-id.ts')
  return { start: ui.start(runbook, newRunId(runbook, input['cluster'])), input }
}

const toRun = (ui: Ui, { id, runbook }: RunSnapshot): Links => ({
  run: ui.run(id),
  start: ui.start(runbook, id),
})

async function describe(door: Door, text: string): Promise<RunSnapshot> {
  const { describeRun, findRun } = await import('../../client/run.ts')
  return describeRun(door, await findRun(door, text))
}

function lines({ run, start, input }: Links): readonly string[] {
  return [
    ...(run === undefined ? [] : [run, '', 'To start one like it:']),
    start,
    ...(input === undefined ? [] : ['', 'The input to put there:', JSON.stringify(input)]),
  ]
}

const unknownUi = (address: string): string =>
  `Where the UI of the Temporal server at ${address} is, is not known: set QUORATE_TEMPORAL_UI, for example to http://localhost:8233.`
