import type { Anchor } from './anchor-line.ts'
import type { Source } from './archive.ts'
import { sha256 } from './chain.ts'
import { fingerprint } from './seal-key.ts'
import { unpacked } from './sql-store.ts'
import type { Checkpoint, Finding, Verification } from './store.ts'
import { checkAnchors } from './verify-anchors.ts'
import { createCheckpointReader, type KnownCheckpoint } from './verify-checkpoints.ts'
import { type BlobStates, readRun } from './verify-run.ts'

export interface VerifyOptions {
  /** Public keys (SPKI, PEM) that may have signed. Without them every key is believed, and noted. */
  readonly trusted?: readonly string[]
  /** What was handed to places that whoever writes the record cannot write. */
  readonly anchors?: readonly Anchor[]
}

/**
 * Says whether a record is what was written: reads all of it, believes none of it. One finding a run, its first.
 * Others may write meanwhile. Memory grows with the number of checkpoints and blobs, not with events. Throws `StoreError` when it cannot be read.
 */
export async function verify(source: Source, options: VerifyOptions = {}): Promise<Verification> {
  const snapshot = await source.snapshot?.()
  try {
    return await verifyStill(snapshot ?? source, options)
  } finally {
    await snapshot?.close()
  }
}

async function verifyStill(source: Source, options: VerifyOptions): Promise<Verification> {
  const wrong: Finding[] = []
  const notes: Finding[] = []
  const known = await readCheckpoints(source, wrong)
  const signers = signersOf(known, options.trusted, wrong, notes)
  const anchored = checkAnchors(
    known,
    options.anchors ?? [],
    source.whole ? undefined : await onlyRun(source),
    {
      wrong,
      notes,
    },
  )
  const byRun = new Map<string, Checkpoint[]>()
  for (const { checkpoint } of known)
    byRun.set(checkpoint.run, [...(byRun.get(checkpoint.run) ?? []), checkpoint])
  for (const checkpoints of byRun.values()) wrong.push(...removedWhileHeld(checkpoints))
  const blobs = await readBlobs(source)
  let events = 0
  const look = async (run: string, checkpoints: readonly Checkpoint[]): Promise<void> => {
    const read = await readRun(source, run, checkpoints, blobs)
    events += read.events
    if (read.wrong === undefined) notes.push(...notesOn(run, read, checkpoints))
    else wrong.push(read.wrong)
  }
  for (const [run, checkpoints] of byRun) await look(run, checkpoints)
  for await (const run of source.keys()) if (!byRun.has(run)) await look(run, [])
  for (const [digest, state] of blobs)
    if (state === 'wrong') wrong.push({ message: `The blob ${digest} is not what its digest says.` })
  return { ok: wrong.length === 0, events, checkpoints: known.length, signers, anchored, wrong, notes }
}

/** Those that are what was signed; reading goes on after one that is not. */
async function readCheckpoints(source: Source, wrong: Finding[]): Promise<KnownCheckpoint[]> {
  const reader = createCheckpointReader(source.whole)
  const known: KnownCheckpoint[] = []
  for await (const row of source.checkpointRows()) {
    const read = reader.next(row)
    if ('message' in read) wrong.push(read)
    else known.push(read)
  }
  return known
}

function signersOf(
  known: readonly KnownCheckpoint[],
  trusted: readonly string[] | undefined,
  wrong: Finding[],
  notes: Finding[],
): Verification['signers'] {
  const good = new Set(trusted?.map((key) => fingerprint(key)))
  const first = new Map<string, KnownCheckpoint>()
  for (const one of known) if (!first.has(one.fingerprint)) first.set(one.fingerprint, one)
  for (const [print, { checkpoint }] of first) {
    if (good.has(print)) continue
    const { n, run, workflow } = checkpoint
    if (trusted === undefined)
      notes.push({
        checkpoint: n,
        message: `Checkpoints from ${n} on are signed with the key ${print}, which nobody vouched for: compare it with what the record's owner says, or name the key to trust.`,
      })
    else
      wrong.push({
        checkpoint: n,
        run,
        workflow,
        message: `Checkpoint ${n} is signed with the key ${print}, which is none of those to trust.`,
      })
  }
  return [...first.keys()].map((print) => ({ fingerprint: print, trusted: good.has(print) }))
}

async function onlyRun(source: Source): Promise<string | undefined> {
  for await (const run of source.keys()) return run
  return undefined
}

function removedWhileHeld(checkpoints: readonly Checkpoint[]): Finding[] {
  return checkpoints.flatMap(({ kind, n, run, workflow }, index) => {
    const hold = checkpoints
      .slice(0, index)
      .findLast((other) => other.kind === 'held' || other.kind === 'released')
    return kind === 'removed' && hold?.kind === 'held'
      ? [
          {
            checkpoint: n,
            run,
            workflow,
            message: `Checkpoint ${n} removes the run, which was held since checkpoint ${hold.n}.`,
          },
        ]
      : []
  })
}

async function readBlobs(source: Source): Promise<BlobStates> {
  const states = new Map<string, 'right' | 'wrong'>()
  for await (const row of source.blobRows()) {
    const { gzip } = row
    const digest = String(row['sha256'])
    const plain = gzip === 0 || gzip === 1 ? unpacked(row) : undefined
    const right = plain !== undefined && sha256(plain) === digest
    // Of two by one name, others might read the other.
    states.set(digest, right && !states.has(digest) ? 'right' : 'wrong')
  }
  return states
}

function notesOn(
  run: string,
  { events, ended, workflow }: Awaited<ReturnType<typeof readRun>>,
  checkpoints: readonly Checkpoint[],
): Finding[] {
  const removed = checkpoints.find(({ kind }) => kind === 'removed')
  if (removed !== undefined) {
    const { workflow, n, at, by, reason } = removed
    return [
      {
        run,
        workflow,
        checkpoint: n,
        message: `The run was removed on ${at.slice(0, 10)} by ${by ?? 'nobody named'}: ${reason ?? 'without a reason'}.`,
      },
    ]
  }
  const sealed = checkpoints.findLast(({ kind }) => kind === 'sealed')?.seq ?? 0
  if (sealed >= events) return []
  const about = { run, ...(workflow === undefined ? {} : { workflow }), seq: sealed + 1 }
  return [
    {
      ...about,
      message:
        sealed > 0
          ? `Events from ${sealed + 1} on came after the run was sealed, and are not sealed yet.`
          : ended
            ? 'The run has ended and is not sealed yet: what is cut off its end could not be told.'
            : 'The run has not ended, and is not sealed yet.',
    },
  ]
}
