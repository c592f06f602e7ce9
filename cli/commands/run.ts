import type { Door } from '../../client/door.ts'
import type { RunSnapshot } from '../../client/run.ts'
import { overridable, whyNotOverride } from '../../dsl/guards.ts'
import type { KnownNames } from '../../dsl/input-names.ts'
import { checkInputs, inputProblemsText } from '../../dsl/inputs.ts'
import { nearest } from '../../dsl/near.ts'
import { printProblems } from '../../dsl/print.ts'
import type { Program } from '../../dsl/program.ts'
import { type Command, type Flags, type Invocation, UsageError } from '../command.ts'
import { whoAsks, withDoor } from '../door.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { homeDirectory, readUp } from '../home.ts'
import { onInterrupt } from '../interrupt.ts'
import { inputFlags } from '../read-inputs.ts'
import { localRunbook } from '../runbook-files.ts'
import { codeOf, runJson } from '../run-outcome.ts'
import { shortId } from '../view.ts'
import { whatToRun } from '../what-to-run.ts'

/** Of every command that shows a run until it ends. */
export const keysHelp = `On a terminal single keys decide: r retry, s skip, b roll back, a abort,
y approve, n reject, p pause or resume, q leave; only what is offered works, the rest says why not.
--json prints one JSON object a line for each change (at, phase, changed steps, waiting, progress, members);
the last line is the run as \`quorate show --json\` has it.`

export const run: Command = {
  name: 'run',
  usage: 'RUNBOOK [--cluster C] [--input NAME=VALUE ...] | --plan FILE',
  summary: 'start a run, and watch it until it ends or needs you',
  details: `Inputs are checked here before anything is started, and once more by the worker.
On a terminal it shows the run until it ends; elsewhere it also returns when the run waits for a person.
With --plan it carries out what \`quorate plan --out FILE\` wrote, and ends before anything is touched when
the runbook or the cluster is another by now.
Ctrl-C ends only the watching.
${keysHelp}`,
  flags: {
    ...inputFlags,
    wait: { type: 'boolean', help: 'queue when another run holds the lock of the cluster' },
    detach: { type: 'boolean', short: 'd', help: 'return once it is started' },
    reason: { type: 'string', value: 'TEXT', help: 'why, for the record' },
    probe: {
      type: 'boolean',
      help: 'measure how available the cluster is meanwhile, by a key below quorate/probe/',
    },
    'no-probe': { type: 'boolean', help: 'do not, though the inventory says so' },
    plan: { type: 'string', value: 'FILE', help: 'carry out this plan, as long as nothing has changed' },
    override: {
      type: 'string',
      value: 'GUARD',
      multiple: true,
      help: `let a person override that guard of the engine (${overridable.join(', ')}); takes --reason, and asks for an approval each time`,
    },
  },
  positionals: { min: 0, max: 1 },
  async run(invocation) {
    const { flags, terminal, environment } = invocation
    const { runbook, inputs: given, hash, plan } = await whatToRun(invocation, checkedInputs)
    const cluster = typeof given['cluster'] === 'string' ? given['cluster'] : undefined
    const reason = flags.text('reason')
    const probe = probeAsked(flags)
    const override = flags.texts('override').flatMap((names) => names.split(','))
    const whyNot = whyNotOverride(override, reason ?? '')
    if (whyNot !== undefined) throw new UsageError(`--override: ${whyNot} Nothing was started.`)
    return withDoor(invocation, async (door) => {
      const { startRun } = await import('../../client/start-run.ts')
      const id = await startRun(door, {
        runbook,
        inputs: given,
        by: whoAsks(environment),
        wait: flags.on('wait'),
        // Whoever starts it watches it: then the members are looked at all the time.
        ...(flags.on('detach') ? {} : { watch: true }),
        ...(probe === undefined ? {} : { probe }),
        override,
        ...(cluster === undefined ? {} : { cluster }),
        ...(reason === undefined ? {} : { reason }),
        ...(hash === undefined ? {} : { hash }),
        ...(plan === undefined ? {} : { plan }),
      })
      if (!flags.on('detach')) return watchToEnd(door, id, invocation)
      terminal.out(startedText(door, id, flags.on('json')))
      return exitCodes.done
    })
  },
}

function probeAsked(flags: Flags): boolean | undefined {
  if (flags.on('probe') && flags.on('no-probe'))
    throw new UsageError('--probe and --no-probe say the opposite: give one of them. Nothing was started.')
  if (flags.on('no-probe')) return false
  return flags.on('probe') ? true : undefined
}

/** What is said of a run that is left to itself. */
export function startedText({ ui }: Door, id: string, json: boolean): string {
  const link = ui?.run(id)
  if (json) return JSON.stringify({ id, link })
  return [id, `quorate watch ${shortId(id)}`, ...(link === undefined ? [] : [link])].join('\n')
}

/** Checks inputs as far as the runbook is known here; throws `UsageError` naming every wrong one. */
export async function checkedInputs(
  runbook: string,
  given: Readonly<Record<string, unknown>>,
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  const program = await localProgram(runbook, environment)
  if (program !== undefined) checkHere(program, given, await knownNames(environment))
}

/** Shows the run until it ends, waits for a person, or the person has seen enough. */
export async function watchToEnd(
  door: Door,
  id: string,
  { terminal, flags, environment }: Invocation,
): Promise<ExitCode> {
  const json = flags.on('json')
  const { follow } = await import('../follow.ts')
  const { decide } = await import('../../client/decide.ts')
  const interrupt = onInterrupt()
  try {
    const last = await follow(door, id, {
      terminal,
      json,
      untilWaiting: json || !terminal.live,
      signal: interrupt.signal,
      controls: {
        decide: (name, argument) =>
          decide(door, id, name, { ...argument, by: whoAsks(environment), door: 'cli' }),
        leave: interrupt.abort,
      },
    })
    if (json && last !== undefined) terminal.out(JSON.stringify(runJson(last)))
    if (interrupt.signal.aborted) return leave(last, id, terminal.err)
    if (last === undefined) return exitCodes.unreachable
    const code = codeOf(last)
    if (code === exitCodes.locked) terminal.err('To queue for the lock, start it with --wait.')
    return code
  } finally {
    interrupt.release()
  }
}

function leave(last: RunSnapshot | undefined, id: string, say: (text: string) => void): ExitCode {
  if (last?.open !== false) say(`\nThe run goes on: quorate watch ${shortId(id)}`)
  return exitCodes.interrupted
}

/**
 * The runbook as it is here. One that is not here may still be known to the worker, which then checks
 * everything; but a name that is nearly one of ours is refused at once.
 */
async function localProgram(name: string, environment: NodeJS.ProcessEnv): Promise<Program | undefined> {
  const { found, names, texts } = await localRunbook(name, environment)
  if (found?.compiled.ok === true) return found.compiled.value
  if (found?.compiled.ok === false) throw new UsageError(printProblems(found.compiled.problems, texts))
  const near = nearest(name, names)
  if (near !== undefined) throw new UsageError(`There is no runbook "${name}"; did you mean "${near}"?`)
  return undefined
}

/**
 * The names of the inventory, where it is certain that the worker has the same: then a wrong one is told
 * before there is a run.
 */
async function knownNames(environment: NodeJS.ProcessEnv): Promise<KnownNames | undefined> {
  const up = readUp(homeDirectory(environment))
  if (up === undefined || environment['TEMPORAL_ADDRESS'] !== undefined) return undefined
  const { loadInventory } = await import('../../worker/inventory.ts')
  return loadInventory(up.inventory)
}

function checkHere(
  program: Program,
  given: Readonly<Record<string, unknown>>,
  names: KnownNames | undefined,
): void {
  const checked = checkInputs(program.inputs, given, names)
  if (!checked.ok) throw new UsageError(`${inputProblemsText(checked.problems)}\nNothing was started.`)
}
