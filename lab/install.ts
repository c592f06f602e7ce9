import { accessSync, constants, statSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type HeldLock, tryLock } from './lock.ts'
import type { OnProgress, Way } from './ways.ts'

/** A set of programs of one version for one platform, kept together in one directory of the cache. */
export interface ProgramSet {
  /** The directory's name, e.g. `etcd-3.6.16-linux-x64`. */
  readonly name: string
  /** For people, e.g. `etcd 3.6.16`. */
  readonly title: string
  readonly programs: readonly string[]
  /** Tried in this order until one works. */
  readonly ways: readonly Way[]
  /** Throws unless the programs in the directory run and are what they should be. */
  check(directory: string): Promise<void>
}

export interface InstallOptions {
  readonly cacheDirectory: string
  readonly onProgress: OnProgress
}

export type Installed =
  | { readonly kind: 'installed'; readonly directory: string }
  /** Why each way failed, in order: `the official release: no answer from …`. */
  | { readonly kind: 'failed'; readonly reasons: readonly string[] }

/**
 * Gives the directory of the cache with the programs, and puts them there first if need be.
 * Of several processes that ask at once, one works and the others wait; a directory that is there is whole,
 * because it is moved into place when everything in it was checked.
 */
export async function installOnce(set: ProgramSet, options: InstallOptions): Promise<Installed> {
  const directory = join(options.cacheDirectory, set.name)
  if (isWhole(directory, set.programs)) return { kind: 'installed', directory }
  await mkdir(options.cacheDirectory, { recursive: true })
  const lock = await waitForLock(directory, set, options)
  if (lock === undefined) return { kind: 'installed', directory }
  const beat = setInterval(() => lock.touch(), HOLDER_SIGN_OF_LIFE_MS)
  try {
    await removeLeftovers(directory, set, options)
    return await tryWays(directory, set, options)
  } finally {
    clearInterval(beat)
    lock.release()
  }
}

const HOLDER_SIGN_OF_LIFE_MS = 5_000
const HOLDER_GONE_AFTER_MS = 60_000
const WAIT_REPORT_MS = 10_000

/** Undefined when another process has put the programs there meanwhile. */
async function waitForLock(
  directory: string,
  set: ProgramSet,
  options: InstallOptions,
): Promise<HeldLock | undefined> {
  let nextReportAt = 0
  for (;;) {
    const lock = tryLock(`${directory}.lock`, { staleAfterMs: HOLDER_GONE_AFTER_MS })
    if (lock.kind === 'locked') {
      if (!isWhole(directory, set.programs)) return lock
      lock.release()
      return undefined
    }
    if (lock.holder !== undefined && Date.now() >= nextReportAt) {
      options.onProgress(`${set.title}: waiting for process ${lock.holder.pid}, which is getting it`)
      nextReportAt = Date.now() + WAIT_REPORT_MS
    }
    await sleep(200)
    if (isWhole(directory, set.programs)) return undefined
  }
}

/** The lock is ours: whatever is there under this name was left by a process that died or by a person. */
async function removeLeftovers(directory: string, set: ProgramSet, options: InstallOptions): Promise<void> {
  await rm(directory, { recursive: true, force: true })
  for (const name of await readdir(options.cacheDirectory)) {
    if (!name.startsWith(draftPrefix(set))) continue
    await rm(join(options.cacheDirectory, name), { recursive: true, force: true })
  }
}

async function tryWays(directory: string, set: ProgramSet, options: InstallOptions): Promise<Installed> {
  const reasons: string[] = []
  for (const way of set.ways) {
    const draft = await mkdtemp(join(options.cacheDirectory, draftPrefix(set)))
    try {
      await way.install(draft, (line) => options.onProgress(`${set.title}: ${line}`))
      if (!isWhole(draft, set.programs)) throw new Error('it gave no executable program')
      await set.check(draft)
      await writeFile(join(draft, 'origin.json'), `${JSON.stringify({ title: set.title, from: way.name })}\n`)
      await rename(draft, directory)
      options.onProgress(`${set.title}: ready, from ${way.name}`)
      return { kind: 'installed', directory }
    } catch (error) {
      const reason = `${way.name}: ${error instanceof Error ? error.message : String(error)}`
      reasons.push(reason)
      options.onProgress(`${set.title}: ${reason}`)
    } finally {
      await rm(draft, { recursive: true, force: true })
    }
  }
  return { kind: 'failed', reasons }
}

function draftPrefix(set: ProgramSet): string {
  return `.${set.name}.`
}

function isWhole(directory: string, programs: readonly string[]): boolean {
  return programs.every((program) => isExecutable(join(directory, program)))
}

/** Not empty either: a machine that lost its power may leave the name of a file without its content. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    const { size: sizeBytes, mode } = statSync(path)
    return sizeBytes > 0 && (mode & constants.S_IFMT) === constants.S_IFREG
  } catch {
    return false
  }
}
