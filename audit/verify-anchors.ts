import type { Anchor } from './anchor-line.ts'
import type { Finding } from './store.ts'
import type { KnownCheckpoint } from './verify-checkpoints.ts'

/**
 * Holds the checkpoints against what outside places say of them; returns how many were compared. With `only`, the
 * checkpoints are those of one run.
 */
export function checkAnchors(
  known: readonly KnownCheckpoint[],
  anchors: readonly Anchor[],
  only: string | undefined,
  { wrong, notes }: { readonly wrong: Finding[]; readonly notes: Finding[] },
): number {
  const byNumber = new Map(known.map((one) => [one.checkpoint.n, one]))
  const about = anchors
    .filter(({ n, run }) => only === undefined || run === only || byNumber.has(n))
    .toSorted((a, b) => a.n - b.n)
  for (const anchor of about) {
    const message = disagreement(anchor, byNumber.get(anchor.n))
    if (message !== undefined) wrong.push({ checkpoint: anchor.n, run: anchor.run, message })
  }
  const anchored = new Set(about.map(({ n }) => n))
  const without = known.filter(({ checkpoint }) => !anchored.has(checkpoint.n))
  const [first] = without
  if (anchors.length > 0 && first !== undefined)
    notes.push({
      checkpoint: first.checkpoint.n,
      message: `${without.length} of ${known.length} checkpoints, the first of them ${first.checkpoint.n}, are in none of the anchors given.`,
    })
  return about.length
}

function disagreement(anchor: Anchor, found: KnownCheckpoint | undefined): string | undefined {
  const { n, run, seq, hash, key } = anchor
  if (found === undefined)
    return `Checkpoint ${n} of the run ${run} (its events up to ${seq}) was anchored and is not on record any more: the end was cut off.`
  if (found.hash !== hash)
    return `Checkpoint ${n} was anchored with the hash ${hash} and now has ${found.hash}: the record was written anew.`
  if (found.fingerprint !== key)
    return `Checkpoint ${n} was anchored as signed with the key ${key}, and is now signed with ${found.fingerprint}.`
  return undefined
}
