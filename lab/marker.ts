import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { platform } from 'node:os'
import { promisify } from 'node:util'

/**
 * Everything a lab starts carries the variable QUORATE_LAB, and so does whatever those processes start, over
 * SSH and in remote jobs alike. That is how nothing is overlooked when the lab ends, whoever its parent is
 * by then. A process of one of its hosts carries the host's name too: `ID/h1`.
 */
export interface Mark {
  readonly lab: string
  readonly host?: string
}

export interface MarkedProcess {
  readonly pid: number
  readonly command: string
}

export function markOf({ lab, host }: Mark): string {
  return host === undefined ? lab : `${lab}/${host}`
}

export function markEnvironment(mark: Mark): Record<string, string> {
  return { QUORATE_LAB: markOf(mark) }
}

/**
 * The living processes of this machine that carry the mark (a lab's include those of its hosts).
 * Processes of other users are not seen. On macOS, programs of the system itself (`sh`, `sleep`) hide their
 * environment and are not seen either.
 */
export async function findMarked(mark: Mark): Promise<MarkedProcess[]> {
  const exact = `QUORATE_LAB=${markOf(mark)}`
  const carries = (entry: string): boolean => entry === exact || entry.startsWith(`${exact}/`)
  return platform() === 'linux' ? await findInProc(carries) : await findWithPs(carries)
}

/**
 * Ends every process that carries the mark: SIGTERM, SIGKILL after `graceMs` (0: at once).
 * Returns only when two looks in a row found none (a process can start another between being listed and
 * being looked at); throws, naming them, when some still live after `graceMs` and ten seconds.
 */
export async function endMarked(mark: Mark, graceMs = 0): Promise<void> {
  const startedMs = Date.now()
  const asked = new Set<number>()
  let emptyLooks = 0
  while (emptyLooks < 2) {
    const found = await findMarked(mark)
    emptyLooks = found.length === 0 ? emptyLooks + 1 : 0
    const elapsedMs = Date.now() - startedMs
    if (found.length > 0 && elapsedMs > graceMs + KILLING_TAKES_AT_MOST_MS) throw new Error(survivors(found))
    for (const { pid } of found) {
      if (elapsedMs >= graceMs) send(pid, 'SIGKILL')
      else if (!asked.has(pid)) send(pid, 'SIGTERM')
      asked.add(pid)
    }
    if (found.length > 0) await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const KILLING_TAKES_AT_MOST_MS = 10_000

type Carries = (environmentEntry: string) => boolean

async function findInProc(carries: Carries): Promise<MarkedProcess[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const found = await Promise.all(pids.map((pid) => readMarked(pid, carries)))
  return found.filter((process) => process !== undefined)
}

async function readMarked(pid: number, carries: Carries): Promise<MarkedProcess | undefined> {
  try {
    const environment = (await readFile(`/proc/${pid}/environ`, 'utf8')).split('\0')
    if (!environment.some(carries)) return undefined
    const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').join(' ').trim()
    return { pid, command }
  } catch {
    // It ended meanwhile, or belongs to another user.
    return undefined
  }
}

async function findWithPs(carries: Carries): Promise<MarkedProcess[]> {
  const { stdout } = await promisify(execFile)('ps', ['axeww', '-o', 'pid=,command='], {
    maxBuffer: 64 * 1024 * 1024,
  })
  return stdout
    .split('\n')
    .filter((line) => line.split(/\s+/).some(carries))
    .map((line) => ({
      pid: Number.parseInt(line, 10),
      command: line.trim().split(/\s+/).slice(1, 3).join(' '),
    }))
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended by itself.
  }
}

function survivors(found: readonly MarkedProcess[]): string {
  const list = found.map(({ pid, command }) => `${pid} (${command.slice(0, 80)})`).join(', ')
  return `Some processes of the lab could not be ended: ${list}. End them by hand with "kill -9".`
}
