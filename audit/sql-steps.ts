import type { Archive, Place } from './archive.ts'
import { noHash, placed } from './chain.ts'
import { blobsOf, columnsOf } from './columns.ts'
import type { AuditEvent, NewEvent } from './event.ts'
import { number, statement, type Steps, text } from './sql.ts'
import { type Checkpoint, type StoredCheckpoint, StoreError } from './store.ts'

interface End {
  readonly seq: number
  readonly hash: string
}

/** Each event at the next place of its run, unless the run has its id already. */
export function* appendSteps(events: readonly NewEvent[]): Steps<void> {
  const ends = new Map<string, End>()
  for (const event of events) {
    const end = ends.get(event.run) ?? (yield* endOf(event.run))
    const { event: whole, text: kept, hash } = placed(event, end.seq + 1, end.hash)
    const columns = Object.entries(columnsOf(whole))
    const inserted = yield statement(
      `insert into events (${columns.map(([name]) => name).join(', ')}, hash, text)
       values (${columns.map(() => '?').join(', ')}, ?, ?) on conflict (run, id) do nothing returning seq`,
      ...columns.map(([, value]) => value),
      hash,
      kept,
    )
    if (inserted.length > 0) yield* use(whole)
    ends.set(event.run, inserted.length > 0 ? { seq: end.seq + 1, hash } : end)
  }
}

function* endOf(run: string): Steps<End> {
  const [last] = yield statement('select seq, hash from events where run = ? order by seq desc limit 1', run)
  if (last !== undefined) return { seq: number(last, 'seq'), hash: text(last, 'hash') }
  const [removed] = yield statement(
    `select text from checkpoints where run = ? and kind = 'removed' limit 1`,
    run,
  )
  if (removed !== undefined)
    throw new StoreError(`The run ${run} was removed from the record; nothing more is written about it.`)
  return { seq: 0, hash: noHash }
}

function* use(event: AuditEvent): Steps<void> {
  for (const digest of blobsOf(event)) {
    const [there] = yield statement('select 1 from blobs where sha256 = ?', digest)
    if (there === undefined)
      throw new StoreError(
        `The event ${event.id} of the run ${event.run} refers to the blob ${digest}, which is not in the record: put it in first.`,
      )
    yield statement('insert into uses (run, sha256) values (?, ?) on conflict do nothing', event.run, digest)
  }
}

/** See `Archive.addCheckpoint`. */
export function* checkpointSteps(
  run: string,
  make: Parameters<Archive['addCheckpoint']>[1],
): Steps<StoredCheckpoint | undefined> {
  const made = make(yield* placeFor(run))
  if (made === undefined) return undefined
  const { n, kind, seq } = made.checkpoint
  yield statement(
    `insert into checkpoints (n, kind, run, seq, hash, signature, public_key, text) values (?, ?, ?, ?, ?, ?, ?, ?)`,
    n,
    kind,
    run,
    seq,
    made.hash,
    made.signature,
    made.publicKey,
    made.text,
  )
  if (kind === 'removed') yield* remove(run)
  return made
}

function* placeFor(run: string): Steps<Place> {
  const [last] = yield statement('select n, hash from checkpoints order by n desc limit 1')
  const [end] = yield statement(
    'select seq, hash, workflow from events where run = ? order by seq desc limit 1',
    run,
  )
  const before = yield statement('select text from checkpoints where run = ? order by n', run)
  return {
    n: last === undefined ? 1 : number(last, 'n') + 1,
    prev: last === undefined ? noHash : text(last, 'hash'),
    ...(end === undefined
      ? {}
      : { head: { seq: number(end, 'seq'), hash: text(end, 'hash'), workflow: text(end, 'workflow') } }),
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by us; verification says if it is not
    before: before.map((row) => JSON.parse(text(row, 'text')) as Checkpoint),
  }
}

function* remove(run: string): Steps<void> {
  const used = yield statement('select sha256 from uses where run = ?', run)
  yield statement('delete from events where run = ?', run)
  yield statement('delete from uses where run = ?', run)
  for (const row of used)
    yield statement(
      'delete from blobs where sha256 = ? and not exists (select 1 from uses where uses.sha256 = blobs.sha256)',
      text(row, 'sha256'),
    )
}
