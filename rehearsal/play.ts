import { checkInputs, inputProblemsText } from '../dsl/inputs.ts'
import type { Json, Program } from '../dsl/program.ts'
import { interpret } from '../workflows/interpreter.ts'
import type { ActionCall, Notice, StepView, Waiting } from '../workflows/ports.ts'
import { describeEnd, type RunEnd } from '../workflows/run-end.ts'
import { Answers, type GivenSource } from './answers.ts'
import { type Complete, Endless, LeftWaiting, type Saying, ScriptedPorts } from './scripted-ports.ts'

export interface Script {
  readonly inputs: Readonly<Record<string, unknown>>
  /** Of the file, then of the test. */
  readonly given: readonly [GivenSource, GivenSource]
  readonly decide: readonly Saying[]
}

/** What came of a run over scripted ports. */
export interface Played {
  readonly end: RunEnd['kind'] | 'waiting'
  /** What is said at the end; of a run that waits, what had failed or what is asked. */
  readonly message: string
  readonly calls: readonly ActionCall[]
  readonly waits: readonly Waiting[]
  readonly notices: readonly Notice[]
  readonly steps: readonly StepView[]
  readonly outputs: Readonly<Record<string, Json>>
  /** Why a decision of the test does not fit, or was never asked for. */
  readonly misfit?: string
}

/** A run's clock begins here, whenever it is played. */
const startMs = Date.UTC(2026, 0, 1)

/** Runs a program by the real interpreter; nothing is touched, and no time passes. */
export async function play(program: Program, script: Script, complete: Complete): Promise<Played> {
  const checked = checkInputs(program.inputs, script.inputs)
  if (!checked.ok) return refused(inputProblemsText(checked.problems))
  const ports = new ScriptedPorts(new Answers(...script.given), script.decide, complete, startMs)
  const run = {
    id: `${program.name}-test`,
    runbook: program.name,
    startedAt: new Date(startMs).toISOString(),
  }
  const end = await ended(interpret(program, { inputs: checked.value, run }, ports))
  const { calls, waits, notices, view, unsaid } = ports
  return { outputs: {}, ...end, calls, waits, notices, steps: view?.steps ?? [], ...leftOver(end, unsaid) }
}

type Ending = Pick<Played, 'end' | 'message' | 'misfit'> & Partial<Pick<Played, 'outputs'>>

async function ended(playing: Promise<RunEnd>): Promise<Ending> {
  try {
    const end = await playing
    if (end.kind === 'done') return { end: 'done', message: '', outputs: end.outputs }
    return { end: end.kind, message: describeEnd(end) }
  } catch (error) {
    if (error instanceof Endless) return { end: 'failed', message: `The run was stopped: ${error.message}.` }
    if (!(error instanceof LeftWaiting)) throw error
    const { waiting, misfit } = error
    const message = waiting.approval?.message ?? waiting.failure.message
    return { end: 'waiting', message, ...(misfit === undefined ? {} : { misfit }) }
  }
}

function leftOver({ misfit }: Ending, unsaid: readonly Saying[]): Pick<Played, 'misfit'> {
  const [next] = unsaid
  if (misfit !== undefined || next === undefined) return {}
  const where = next.step === undefined ? '' : ` at "${next.step}"`
  return { misfit: `the test decides ${next.kind}${where}, and the run did not wait for it` }
}

const refused = (message: string): Played => ({
  end: 'failed',
  message: `The inputs are wrong; nothing was touched. ${message}`,
  calls: [],
  waits: [],
  notices: [],
  steps: [],
  outputs: {},
})
