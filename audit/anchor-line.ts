import { fingerprint } from './seal-key.ts'
import type { Checkpoint, StoredCheckpoint } from './store.ts'

/** What a place outside of the record knows of a checkpoint. */
export interface Anchor {
  readonly n: number
  readonly kind: string
  readonly run: string
  readonly seq: number
  /** Of the run's last event. */
  readonly head: string
  /** Of the checkpoint. */
  readonly hash: string
  /** Fingerprint of the key it is signed with. */
  readonly key: string
  readonly signature: string
}

/** A line that people can read and `readAnchors` finds again, in whatever it stands. */
export function anchorLine({ checkpoint, hash, signature, publicKey }: StoredCheckpoint): string {
  const { n, kind, run, seq, head } = checkpoint
  return `quorate-anchor v1 n=${n} kind=${kind} run=${encodeURIComponent(run)} seq=${seq} head=${head} hash=${hash} key=${fingerprint(publicKey)} signature=${signature}`
}

/** All anchors in a text: a file of them, what syslog keeps, an exported chat. */
export function readAnchors(text: string): Anchor[] {
  return [...text.matchAll(pattern)].map(({ groups }) => {
    const {
      n = '',
      kind = '',
      run = '',
      seq = '',
      head = '',
      hash = '',
      key = '',
      signature = '',
    } = groups ?? {}
    return { n: Number(n), kind, run: decoded(run), seq: Number(seq), head, hash, key, signature }
  })
}

const kinds: Readonly<Record<Checkpoint['kind'], true>> = {
  sealed: true,
  removed: true,
  held: true,
  released: true,
}

const pattern = new RegExp(
  String.raw`quorate-anchor v1 n=(?<n>\d{1,15}) kind=(?<kind>${Object.keys(kinds).join('|')}) run=(?<run>\S{1,3000}) seq=(?<seq>\d{1,15}) head=(?<head>[0-9a-f]{64}) hash=(?<hash>[0-9a-f]{64}) key=(?<key>[0-9a-f]{64}) signature=(?<signature>[A-Za-z0-9+/]{86}==)`,
  'g',
)

function decoded(run: string): string {
  try {
    return decodeURIComponent(run)
  } catch {
    return run
  }
}
