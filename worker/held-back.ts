import { appendFile, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createHash } from 'node:crypto'
import type { RecordPort } from '../activities/record.ts'
import { turns } from '../activities/turns.ts'
import type { NewEvent } from '../audit/event.ts'

export interface HeldBackOptions {
  readonly store: RecordPort
  /** Where events are kept that the store did not take, a file a process. */
  readonly directory: string
  /** Set, the work goes on without the store; says why somebody wanted that. */
  readonly breakGlass?: string
  /** Told when the store is first gone without, and when it has everything again. */
  readonly say: (line: string) => void
  /** How often the store is tried while it is away. Default 2 s. */
  readonly retryMs?: number
}

export interface HeldBackRecord extends RecordPort {
  /** Tries the store for the last time; what it does not take stays in the file for the next worker. */
  close(): Promise<void>
}

/** One line of the file. */
type Held =
  | { readonly event: NewEvent; readonly reason: string; readonly failure: string }
  /** Base64. */
  | { readonly blob: string }

/**
 * The record for a worker. What a former one had to hold back is taken in before anything else. Without `breakGlass`
 * it is the store itself; with it a store that cannot be written holds nothing up: what happens is kept in memory
 * and in a file, and is written, after an event that says so, as soon as the store takes it.
 */
export async function heldBack(options: HeldBackOptions): Promise<HeldBackRecord> {
  const { store, directory, breakGlass, say, retryMs = 2000 } = options
  const own = join(directory, `held-back.${process.pid}.jsonl`)
  const left = await leftBehind(directory)
  let held: readonly Held[] = left.held
  let files: readonly string[] = left.files
  let away = false
  const inTurn = turns()

  const takeIn = async (): Promise<void> => {
    if (held.length === 0) return
    for (const one of held) if ('blob' in one) await store.putBlob(Buffer.from(one.blob, 'base64'))
    for (const events of byRun(held)) await store.append(events)
    for (const file of [...files, own]) await rm(file, { force: true })
    const events = held.filter((one) => 'event' in one).length
    held = []
    files = []
    away = false
    say(`The record has what was held back: ${events} event${events === 1 ? '' : 's'}.`)
  }
  const hold = async (failure: unknown, more: readonly Held[]): Promise<void> => {
    if (!away)
      say(
        `THE RECORD IS BYPASSED: ${messageOf(failure)} What happens is held back in ${own} until it can be written.`,
      )
    away = true
    held = [...held, ...more]
    await mkdir(directory, { recursive: true, mode: 0o700 })
      .then(() => appendFile(own, more.map((one) => `${JSON.stringify(one)}\n`).join(''), { mode: 0o600 }))
      .catch((error: unknown) =>
        say(`${own} cannot be written either (${messageOf(error)}): held back in memory alone.`),
      )
  }
  const through = <Value>(
    work: () => Promise<Value>,
    instead: (failure: unknown, reason: string) => Promise<Value>,
  ): Promise<Value> =>
    inTurn(async () => {
      try {
        await takeIn()
        return await work()
      } catch (error) {
        if (breakGlass === undefined) throw error
        return instead(error, breakGlass)
      }
    })

  const timer = setInterval(() => {
    if (held.length > 0) void inTurn(takeIn).catch(() => undefined)
  }, retryMs)
  timer.unref()
  await inTurn(takeIn).catch((error: unknown) =>
    say(`What a former worker held back cannot be put on record yet: ${messageOf(error)}`),
  )
  return {
    append: (events) =>
      through(
        () => store.append(events),
        (failure, reason) =>
          hold(
            failure,
            events.map((event) => ({ event, reason, failure: messageOf(failure) })),
          ),
      ),
    putBlob: (content) =>
      through(
        () => store.putBlob(content),
        async (failure) => {
          await hold(failure, [{ blob: Buffer.from(content).toString('base64') }])
          return createHash('sha256').update(content).digest('hex')
        },
      ),
    async close() {
      clearInterval(timer)
      await inTurn(takeIn).catch(() => undefined)
    },
  }
}

/** The events of each run, after one that says they come late. */
function byRun(held: readonly Held[]): readonly (readonly NewEvent[])[] {
  const runs = new Map<string, Extract<Held, { event: NewEvent }>[]>()
  for (const one of held)
    if ('event' in one) runs.set(one.event.run, [...(runs.get(one.event.run) ?? []), one])
  return [...runs.values()].map((ones) => {
    const [{ event, reason, failure } = none()] = ones
    const { run, workflow, id, at } = event
    const data = { reason, failure, held: ones.length }
    return [
      { run, workflow, id: `bypassed/${id}`, at, name: 'record.bypassed', data },
      ...ones.map((one) => one.event),
    ]
  })
}

function none(): never {
  throw new Error('A run without events was held back.')
}

/** Files of processes that are gone, and of a former one with this one's number. A torn last line was never promised. */
async function leftBehind(
  directory: string,
): Promise<{ readonly held: readonly Held[]; readonly files: readonly string[] }> {
  const names = await readdir(directory).catch(() => [])
  const files = names
    .flatMap((name) => {
      const [, pid] = /^held-back\.(\d+)\.jsonl$/.exec(name) ?? []
      return pid !== undefined && (Number(pid) === process.pid || !isAlive(Number(pid))) ? [name] : []
    })
    .map((name) => join(directory, name))
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')))
  return { held: texts.flatMap((text) => text.split('\n').flatMap(heldIn)), files }
}

function heldIn(line: string): readonly Held[] {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- lines of our own
    return line === '' ? [] : [JSON.parse(line) as Held]
  } catch {
    return []
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
