import { writeFileSync } from 'node:fs'
import { planText } from '../../client/plan-file.ts'
import type { Plan } from '../../workflows/plan.ts'
import type { Command } from '../command.ts'
import { whoAsks, withDoor } from '../door.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { renderPlan } from '../plan-view.ts'
import { inputFlags, readInputs } from '../read-inputs.ts'
import { checkedInputs } from './run.ts'

export const plan: Command = {
  name: 'plan',
  usage: 'RUNBOOK [--cluster C] [--input NAME=VALUE ...]',
  summary: 'show what a run would do now, and change nothing',
  details: `Everything that reads is asked for real; nothing else is done. Shown are the steps with the commands they
would run, what the guards say now, what becomes of the members and how many may fail at each point, what a
person will be asked, and what only the run can know.
Exit codes: 0 it could run now, 1 it would be refused, 4 Temporal or a worker does not answer, 5 another run
holds the lock of the cluster.
\`quorate run --plan FILE\` carries out a plan that was written with --out, while nothing has changed since.`,
  flags: {
    ...inputFlags,
    out: {
      type: 'string',
      short: 'o',
      value: 'FILE',
      help: 'write the plan there, for `quorate run --plan FILE`',
    },
  },
  positionals: { min: 1, max: 1 },
  async run(invocation) {
    const { positionals, flags, terminal, environment } = invocation
    const [runbook = ''] = positionals
    const inputs = readInputs(flags.texts('input'), flags.text('cluster'))
    await checkedInputs(runbook, inputs, environment)
    const { cluster } = inputs
    return withDoor(invocation, async (door) => {
      const { planRun } = await import('../../client/plan-run.ts')
      const made = await planRun(door, {
        ...{ runbook, inputs, by: whoAsks(environment) },
        ...(cluster === undefined ? {} : { cluster }),
      })
      const out = flags.text('out')
      if (out !== undefined) writeFileSync(out, `${planText(made)}\n`)
      if (flags.on('json')) terminal.out(planText(made))
      else
        renderPlan(made, {
          columns: widthOf(terminal.size().columns, terminal.live),
          colour: terminal.colour,
        }).forEach((line) => terminal.out(line))
      return codeOf(made)
    })
  },
}

/** In a file or a pipe nobody cuts lines, and commands are long. */
const widthOf = (columns: number, live: boolean): number => (live ? Math.max(columns, 60) : 120)

function codeOf({ verdict, lockedBy }: Plan): ExitCode {
  if (verdict.kind === 'refused') return exitCodes.failed
  return lockedBy === undefined ? exitCodes.done : exitCodes.locked
}
