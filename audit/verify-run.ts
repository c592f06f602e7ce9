import type { Source } from './archive.ts'
import { isCanonical, link, noHash } from './chain.ts'
import { blobsOf, columnsOf } from './columns.ts'
import { type AuditEvent, eventNames } from './event.ts'
import type { Row } from './sql.ts'
import type { Checkpoint, Finding } from './store.ts'
import { short } from './verify-checkpoints.ts'

/** What came out of reading a run from its first event to its last, or to the first that is wrong. */
export interface ReadRun {
  readonly events: number
  readonly workflow?: string
  readonly ended: boolean
  readonly wrong?: Finding
}

/** How a blob was found. */
export type BlobStates = ReadonlyMap<string, 'right' | 'wrong'>

/** The events of one run: the chain, the copies beside the texts, the blobs, and the heads that were signed. */
export async function readRun(
  source: Source,
  run: string,
  checkpoints: readonly Checkpoint[],
  blobs: BlobStates,
): Promise<ReadRun> {
  const heads = headsOf(checkpoints)
  const ids = new Set<string>()
  const used = new Set<string>()
  let prev = noHash
  let seq = 0
  let workflow: string | undefined
  let ended = false
  for await (const row of source.eventRows(run)) {
    seq++
    const found = (message: string): ReadRun => ({
      events: seq,
      ended,
      wrong: { run, ...(workflow === undefined ? {} : { workflow }), seq, message },
    })
    const event = readEvent(row, run, seq)
    if (typeof event === 'string') return found(event)
    workflow ??= event.workflow
    const { text, hash } = row
    const expected = link(prev, String(text))
    if (hash !== expected)
      return found(
        `Event ${seq} (${event.id}): its hash is not what follows from its text and the event before. It is ${short(hash)} and should be ${expected}: this event or the one before was changed, or others stood between them.`,
      )
    const copy = source.whole ? wrongCopy(row, event) : undefined
    if (copy !== undefined) return found(copy)
    if (ids.has(event.id)) return found(`Event ${seq} has the id ${event.id}, which an event before it has.`)
    ids.add(event.id)
    const sealed = heads.get(seq)
    if (sealed !== undefined && sealed.head !== hash)
      return found(
        `Up to event ${seq} the run is not what was signed: checkpoint ${sealed.n} has the hash ${sealed.head}, the event has ${expected}. The run was written anew.`,
      )
    for (const digest of blobsOf(event)) {
      used.add(digest)
      const state = blobs.get(digest)
      if (state === 'wrong')
        return found(`Event ${seq} (${event.id}): the blob ${digest} is not what its digest says.`)
      if (state === undefined) return found(`Event ${seq} (${event.id}): the blob ${digest} is missing.`)
    }
    ended ||= event.name === 'run.ended'
    prev = expected
  }
  const wrong = await wrongEnd(source, run, seq, checkpoints, used)
  const about = { run, ...(workflow === undefined ? {} : { workflow }) }
  return {
    events: seq,
    ended,
    ...(workflow === undefined ? {} : { workflow }),
    ...(wrong === undefined ? {} : { wrong: { ...about, ...wrong } }),
  }
}

function headsOf(checkpoints: readonly Checkpoint[]): ReadonlyMap<number, Checkpoint> {
  // Should two disagree, the earlier counts: the later one was made by whoever wrote the run anew.
  return new Map(checkpoints.toReversed().map((checkpoint) => [checkpoint.seq, checkpoint]))
}

/** The event, or what is wrong with it by itself. */
function readEvent({ text, hash }: Row, run: string, seq: number): AuditEvent | string {
  if (typeof text !== 'string' || typeof hash !== 'string') return `Event ${seq} lacks its text or its hash.`
  const event = parse(text)
  if (event === undefined) return `Event ${seq}: its text is none that Quorate wrote: ${short(text)}.`
  if (event.run !== run) return `Event ${seq} is of another run by its text: ${short(event.run)}.`
  if (event.seq !== seq)
    return event.seq > seq
      ? `Event ${seq} is missing: the next one is event ${event.seq}.`
      : `Where event ${seq} should be stands one that says it is event ${event.seq}.`
  return event
}

function parse(text: string): AuditEvent | undefined {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- looked at below
    const event = JSON.parse(text) as AuditEvent
    const { v, seq, run, workflow, id, at, name, data } = event
    const names: readonly string[] = eventNames
    const right =
      v === 1 &&
      Number.isSafeInteger(seq) &&
      [run, workflow, id, at].every((part) => typeof part === 'string') &&
      names.includes(name) &&
      typeof data === 'object' &&
      isCanonical(event, text)
    return right ? event : undefined
  } catch {
    return undefined
  }
}

function wrongCopy(row: Row, event: AuditEvent): string | undefined {
  const { text: _text, hash: _hash, ...copies } = row
  const columns: Readonly<Record<string, unknown>> = { ...columnsOf(event) }
  const name = [...Object.keys(columns), ...Object.keys(copies)].find(
    (name) => copies[name] !== columns[name],
  )
  return name === undefined
    ? undefined
    : `Event ${event.seq} (${event.id}): the column "${name}" says ${short(copies[name])}, its text ${short(columns[name])}.`
}

/** What is wrong when all events by themselves are right. */
async function wrongEnd(
  source: Source,
  run: string,
  events: number,
  checkpoints: readonly Checkpoint[],
  used: ReadonlySet<string>,
): Promise<Omit<Finding, 'run'> | undefined> {
  const removed = checkpoints.find(({ kind }) => kind === 'removed')
  if (removed !== undefined)
    return events === 0
      ? undefined
      : { seq: 1, message: `The run was removed by checkpoint ${removed.n}, and has events nevertheless.` }
  const beyond = checkpoints.find(({ seq }) => seq > events)
  if (beyond !== undefined)
    return {
      workflow: beyond.workflow,
      seq: events + 1,
      message: `Event ${events + 1} is missing: checkpoint ${beyond.n} was made when there were ${beyond.seq}, and there are ${events}.`,
    }
  const kept = await source.uses?.(run)
  const differs = kept && [...used, ...kept].find((digest) => used.has(digest) !== kept.includes(digest))
  return differs === undefined
    ? undefined
    : { message: `The table "uses" is not what the run's events say about the blob ${short(differs)}.` }
}
