import { readFile } from 'node:fs/promises'
import { InputError } from '../activities/failure.ts'
import { type Policy, readPolicy } from '../dsl/policy.ts'
import { printProblems } from '../dsl/print.ts'

/**
 * Reads the policy anew; none where no file is named: then everybody may decide. Throws `InputError` with
 * every problem at its place, or that the file cannot be read.
 */
export async function loadPolicy(file: string | undefined): Promise<Policy | undefined> {
  if (file === undefined) return undefined
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error)
    throw new InputError(
      `The policy ${file} cannot be read (${reason}): mend it, or unset QUORATE_POLICY if everybody may decide.`,
    )
  })
  const checked = readPolicy(file, text)
  if (checked.ok) return checked.value
  throw new InputError(`The policy has errors.\n${printProblems(checked.problems, new Map([[file, text]]))}`)
}
