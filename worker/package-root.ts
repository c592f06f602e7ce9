import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The package's own directory, from the sources as from `dist/`. */
export function packageRoot(from: string = import.meta.dirname): string {
  if (existsSync(join(from, 'package.json'))) return from
  const parent = dirname(from)
  if (parent === from)
    throw new Error(`No package.json above ${import.meta.dirname}: is the installation whole?`)
  return packageRoot(parent)
}
