import { createHash } from 'node:crypto'
import { InputError } from '../activities/failure.ts'
import type { Catalogue } from '../dsl/action-spec.ts'
import { canonicalText } from '../dsl/canonical.ts'
import type { KnownNames } from '../dsl/input-names.ts'
import { checkInputs, inputProblemsText } from '../dsl/inputs.ts'
import type { Json, Program } from '../dsl/program.ts'
import { readRunbooks, runbookNamed } from './runbooks.ts'

export interface LoadOptions {
  readonly runbook: string
  readonly inputs: Json
  readonly directories: readonly string[]
  readonly catalogue: Catalogue
  readonly inventory: KnownNames
}

export interface Loaded {
  readonly program: Program
  readonly inputs: Readonly<Record<string, Json>>
  /** sha256 of the program's canonical JSON, hex. */
  readonly hash: string
}

/** Finds and compiles a runbook and checks what it was given. Throws `InputError`; nothing was touched then. */
export async function loadRunbook(options: LoadOptions): Promise<Loaded> {
  const { runbook, inputs, directories, catalogue, inventory } = options
  const program = runbookNamed(runbook, await readRunbooks(directories), catalogue)
  const checked = checkInputs(program.inputs, inputs, inventory)
  if (!checked.ok) {
    throw new InputError(
      `The inputs of "${runbook}" are wrong; nothing was touched.\n${inputProblemsText(checked.problems)}`,
    )
  }
  return { program, inputs: checked.value, hash: hashOf(program) }
}

export const hashOf = (program: Program): string =>
  createHash('sha256').update(canonicalText(program)).digest('hex')
