import type { Action } from './action.ts'
import { inspect } from './etcd/inspect.ts'

const all: readonly Action[] = [inspect]

/** Every action there is, by name: an explicit list, so that types, search and tools see it. */
export const catalogue: ReadonlyMap<string, Action> = new Map(all.map((action) => [action.name, action]))
