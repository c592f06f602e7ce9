import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { isAlive } from '../lab/lock.ts'
import { UsageError } from './command.ts'

/** Where Quorate keeps its state on this machine: `$QUORATE_HOME`, `$XDG_STATE_HOME/quorate` or `~/.quorate`. */
export function homeDirectory(
  { QUORATE_HOME: own, XDG_STATE_HOME: xdg }: NodeJS.ProcessEnv = process.env,
): string {
  if (own !== undefined && own !== '') {
    if (isAbsolute(own)) return own
    throw new UsageError(
      `QUORATE_HOME is "${own}", but must be an absolute path: set it to one, or unset it.`,
    )
  }
  return xdg !== undefined && isAbsolute(xdg) ? join(xdg, 'quorate') : join(homedir(), '.quorate')
}

/** What a running `quorate up` (or `demo --keep`) tells the other commands, so that they need no setting. */
export interface Up {
  readonly pid: number
  readonly command: 'up' | 'demo'
  /** ISO UTC. */
  readonly since: string
  readonly address: string
  readonly namespace: string
  readonly uiUrl: string
  readonly inventory: string
  /** The state directory of its worker. */
  readonly state: string
  readonly etcd: string
  /** Directories of more runbooks that its worker has, as `QUORATE_RUNBOOKS` names them. */
  readonly runbooks?: string
  /** Clusters beside that of `next`. */
  readonly others?: readonly string[]
  /** A move that can be tried. */
  readonly next: { readonly cluster: string; readonly member: string; readonly to: string }
}

/** What runs now; undefined when nothing does, a file left by a killed one included. */
export function readUp(home: string): Up | undefined {
  try {
    const up: unknown = JSON.parse(readFileSync(upFile(home), 'utf8'))
    return isUp(up) && isAlive(up.pid) ? up : undefined
  } catch {
    return undefined
  }
}

/** Tells the other commands; returns what takes it back. */
export function announceUp(home: string, up: Up): () => void {
  mkdirSync(home, { recursive: true })
  const file = upFile(home)
  writeFileSync(`${file}.new`, `${JSON.stringify(up, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
  return () => {
    if (readUp(home)?.pid === up.pid) rmSync(file, { force: true })
  }
}

const upFile = (home: string): string => join(home, 'up.json')

function isUp(value: unknown): value is Up {
  if (typeof value !== 'object' || value === null) return false
  const texts = ['command', 'since', 'address', 'namespace', 'uiUrl', 'inventory', 'state', 'etcd']
  return (
    'next' in value &&
    typeof value.next === 'object' &&
    'pid' in value &&
    typeof value.pid === 'number' &&
    texts.every((key) => typeof Reflect.get(value, key) === 'string')
  )
}
