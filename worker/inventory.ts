import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, resolve } from 'node:path'
import { InputError } from '../activities/failure.ts'
import { readInventory } from '../dsl/inventory-file.ts'
import type { Inventory } from '../dsl/inventory.ts'
import { printProblems } from '../dsl/print.ts'

/** Reads the inventory anew. Throws `InputError` with every problem at its place, or that the file is missing. */
export async function loadInventory(file: string): Promise<Inventory> {
  const text = await textOf(file)
  const checked = readInventory({ file, text, baseDirectory: dirname(resolve(file)), home: homedir() })
  if (checked.ok) return checked.value
  throw new InputError(
    `The inventory has errors.\n${printProblems(checked.problems, new Map([[file, text]]))}`,
  )
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new InputError(
      `The inventory ${file} ${reasonOf(error)}: set QUORATE_INVENTORY to the file that lists your clusters and hosts.`,
      { cause: error },
    )
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'does not exist'
  return `cannot be read (${error instanceof Error ? error.message : String(error)})`
}
