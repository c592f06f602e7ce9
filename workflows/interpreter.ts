import { render } from '../dsl/expression.ts'
import type { Json, Program } from '../dsl/program.ts'
import { Backward } from './backward.ts'
import { RunCancelled } from './failure.ts'
import { Forward } from './forward.ts'
import { Memory, nothingYet } from './memory.ts'
import { Outline } from './outline.ts'
import type { OverrideAsked } from './override.ts'
import { top } from './place.ts'
import type { Ports, RunPhase, RunState, Waiting } from './ports.ts'
import { Ended, type RunEnd } from './run-end.ts'
import { type Given, Scope } from './scope.ts'
import { summaryOf } from './summary.ts'
import type { Run } from './run.ts'
import { Walker } from './walker.ts'

/**
 * Runs a program from the top. What `state` already knows is not performed again, so a run that was cut at
 * any boundary goes on where it was. Returns how the run ended; throws only what the ports throw (but for
 * `StepFailure` and `RunCancelled`).
 */
export async function interpret(
  program: Program,
  given: Given,
  ports: Ports,
  state: RunState = nothingYet,
  override?: OverrideAsked,
): Promise<RunEnd> {
  const scope = Scope.of(given)
  const run = { ...prepared(program, scope, ports, state), override }
  const end = await ended(run, scope)
  run.report(end.kind)
  return end
}

function prepared(program: Program, scope: Scope, ports: Ports, state: RunState): Omit<Run, 'override'> {
  const outline = new Outline(program.steps, top(scope, program.quorum), (step, place) =>
    summaryOf(step, program.actions, place.scope.values()),
  )
  const memory = new Memory(state)
  const report = (phase: RunPhase, waiting?: Waiting): void =>
    ports.report({
      phase,
      steps: outline.views(),
      ...(waiting ? { waiting } : {}),
      ...(memory.overrides.length === 0 ? {} : { overrides: memory.overrides }),
    })
  return { program, ports, memory, outline, locked: lockedBy(program, scope), report }
}

/** As whoever acquires the lock works it out. */
function lockedBy({ cluster }: Program, scope: Scope): string | undefined {
  if (cluster === undefined) return undefined
  try {
    const name = render(cluster, scope.values())
    return typeof name === 'string' ? name : undefined
  } catch {
    return undefined
  }
}

async function ended(run: Run, scope: Scope): Promise<RunEnd> {
  const forward = new Forward(run, new Backward(run))
  try {
    await new Walker(run, forward).walk(run.program.steps, top(scope, run.program.quorum))
    return outcome(run.program, scope, forward)
  } catch (error) {
    // What is always done came after its tally.
    if (error instanceof Ended)
      return error.end.kind === 'done' ? error.end : { ...error.end, tally: forward.tally() }
    if (error instanceof RunCancelled) return { kind: 'cancelled', tally: forward.tally() }
    throw error
  }
}

function outcome(program: Program, scope: Scope, forward: Forward): RunEnd {
  const outputs: Record<string, Json> = {}
  for (const [name, template] of Object.entries(program.outputs)) {
    try {
      outputs[name] = render(template, scope.values())
    } catch (error) {
      const message = `every step is done, but the output "${name}" cannot be worked out: ${String(error)}`
      return {
        kind: 'failed',
        failure: { kind: 'failed', message, step: '', summary: 'outputs' },
        tally: forward.tally(),
      }
    }
  }
  return { kind: 'done', outputs }
}
