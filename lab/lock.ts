import { randomUUID } from 'node:crypto'
import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'

/** Who holds a lock: `since` is ISO UTC text, `token` tells two holders in one process apart. */
export interface LockHolder {
  readonly pid: number
  readonly host: string
  readonly since: string
  readonly token: string
}

/** A lock that was got. */
export interface HeldLock {
  readonly kind: 'locked'
  /** Gives the lock back. May be called twice; never removes a lock that somebody else got meanwhile. */
  release(): void
  /** Says that the holder is at work; needed only with `staleAfterMs`. */
  touch(): void
}

export type LockAttempt =
  | HeldLock
  /** `holder` is undefined when the lock changed hands while it was looked at: try again. */
  | { readonly kind: 'held'; readonly holder: LockHolder | undefined }

export interface LockOptions {
  /** A holder that has not called `touch` for so long counts as gone, whatever its pid. Default: pid decides alone. */
  readonly staleAfterMs?: number
}

/**
 * Tries once to take a lock between processes: a directory at `path` that names its holder.
 * The lock of a process that died is taken over. Never waits; throws only when the folder cannot be written.
 * A directory that is moved into place carries its holder from the first instant, so nobody ever sees
 * a lock without an owner; moving onto one that is not empty fails, which is the exclusion.
 */
export function tryLock(path: string, options: LockOptions = {}): LockAttempt {
  if (readHolder(path) !== undefined && !removeIfStale(path, options)) return held(path)
  const holder: LockHolder = {
    pid: process.pid,
    host: hostname(),
    since: new Date().toISOString(),
    token: randomUUID(),
  }
  const candidate = `${path}.${holder.token}`
  mkdirSync(candidate)
  try {
    writeFileSync(join(candidate, HOLDER_FILE), JSON.stringify(holder))
    renameSync(candidate, path)
  } catch (error) {
    rmSync(candidate, { recursive: true, force: true })
    if (isOccupied(error)) return held(path)
    throw error
  }
  return heldLock(path, holder)
}

/** Whether a process of this machine lives; a process of another user does. */
export function isAlive(pid: number): boolean {
  if (pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) !== 'ESRCH'
  }
}

const HOLDER_FILE = 'holder.json'

const holderShape = z.object({ pid: z.number(), host: z.string(), since: z.string(), token: z.string() })

/** A process that dies while it removes a stale lock must not block the next one for ever. */
const REMOVAL_TAKES_AT_MOST_MS = 10_000

/**
 * The locks of this process, given back when it exits: an exit concerns the whole process, and a listener
 * for each lock would pass Node's limit of listeners. After `kill -9` the next taker finds the pid gone.
 */
const releasesAtExit = new Set<() => void>()
let listensForExit = false

function heldLock(path: string, holder: LockHolder): HeldLock {
  const release = () => {
    releasesAtExit.delete(release)
    if (readHolder(path)?.token === holder.token) moveAwayAndRemove(path)
  }
  releaseAtExit(release)
  return {
    kind: 'locked',
    release,
    touch() {
      const now = new Date()
      if (readHolder(path)?.token === holder.token) utimesSync(join(path, HOLDER_FILE), now, now)
    },
  }
}

function releaseAtExit(release: () => void): void {
  releasesAtExit.add(release)
  if (listensForExit) return
  listensForExit = true
  process.once('exit', () => {
    for (const each of releasesAtExit) each()
  })
}

function held(path: string): LockAttempt {
  return { kind: 'held', holder: readHolder(path) }
}

function removeIfStale(path: string, options: LockOptions): boolean {
  if (!isStale(path, options)) return false
  // Two that both saw the stale lock must not remove, the one after the other, the new lock of the first.
  const removal = `${path}.removing`
  try {
    mkdirSync(removal)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    if (ageMs(removal) > REMOVAL_TAKES_AT_MOST_MS) rmSync(removal, { recursive: true, force: true })
    return false
  }
  try {
    if (!isStale(path, options)) return false
    moveAwayAndRemove(path)
    return true
  } finally {
    rmdirSync(removal)
  }
}

function isStale(path: string, { staleAfterMs }: LockOptions): boolean {
  const holder = readHolder(path)
  if (holder === undefined) return false
  if (staleAfterMs !== undefined && ageMs(join(path, HOLDER_FILE)) > staleAfterMs) return true
  return holder.host === hostname() && !isAlive(holder.pid)
}

/** Moved first, because a directory that is emptied in place could be replaced before it is removed. */
function moveAwayAndRemove(path: string): void {
  const away = `${path}.${randomUUID()}`
  try {
    renameSync(path, away)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  rmSync(away, { recursive: true, force: true })
}

function readHolder(path: string): LockHolder | undefined {
  let text: string
  try {
    text = readFileSync(join(path, HOLDER_FILE), 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    return holderShape.parse(JSON.parse(text))
  } catch {
    // What a machine leaves behind that lost its power; nobody holds it.
    return { pid: 0, host: hostname(), since: '', token: '' }
  }
}

function ageMs(path: string): number {
  try {
    return Date.now() - statSync(path).mtimeMs
  } catch {
    return 0
  }
}

function isOccupied(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'EEXIST' || code === 'ENOTEMPTY'
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}
