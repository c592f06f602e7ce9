import { resolve } from 'node:path'
import { homeDirectory, readUp } from './home.ts'

/** Which inventory is meant: the one given, `$QUORATE_INVENTORY`, the one of a running `quorate up`, `inventory.yaml` here. */
export function inventoryFile(given: string | undefined, environment: NodeJS.ProcessEnv): string {
  const { QUORATE_INVENTORY: set } = environment
  if (given !== undefined) return resolve(given)
  if (set !== undefined && set !== '') return resolve(set)
  return readUp(homeDirectory(environment))?.inventory ?? resolve('inventory.yaml')
}
