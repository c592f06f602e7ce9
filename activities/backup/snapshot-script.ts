import { z } from 'zod'
import { ActionError } from '../failure.ts'
import { lastWords } from '../redact/secrets.ts'

/** A shell function: `digest` prints the SHA-256 of stdin in hex; by openssl where it is, which is the fastest. */
export const digestFunctions = String.raw`
if [ "$(openssl dgst -sha256 -r </dev/null 2>/dev/null | wc -c)" -gt 64 ]; then digest() { openssl dgst -sha256 -r | cut -c 1-64; }
elif command -v sha256sum >/dev/null 2>&1; then digest() { sha256sum | cut -c 1-64; }
else digest() { shasum -a 256 | cut -c 1-64; }; fi
`

/**
 * Shell functions that look at a snapshot file with what lies on its host. POSIX sh; the caller sets `bin`
 * (directory of etcd's programs) and `fail TEXT`, which must end the script.
 *
 *   bytes_of FILE          its size
 *   verify_snapshot FILE   prints `verified SIZE SHA256` and `status JSON`, or fails
 *
 * A snapshot ends with the SHA-256 of what comes before it, which is a multiple of 512 bytes long; `etcdutl snapshot
 * status` does not look at that (a flipped bit is just another hash to it), so it is checked here.
 */
export const snapshotFunctions = String.raw`
${digestFunctions}bytes_of() { wc -c <"$1" | tr -d ' '; }
snapshot_status() {
  if [ -x "$bin/etcdutl" ]; then "$bin/etcdutl" snapshot status -w json "$1"
  else ETCDCTL_API=3 "$bin/etcdctl" snapshot status -w json "$1" 2>/dev/null; fi
}
verify_snapshot() {
  [ -f "$1" ] || fail "there is no $1"
  size=$(bytes_of "$1")
  [ "$size" -gt 32 ] && [ $((size % 512)) -eq 32 ] || fail "the snapshot is $size bytes long, which no whole snapshot is"
  said=$(tail -c 32 "$1" | od -An -v -tx1 | tr -d ' \n')
  seen=$(head -c $((size - 32)) "$1" | digest)
  [ "$said" = "$seen" ] || fail "the snapshot's SHA-256 is $seen, and it says $said of itself"
  told=$(snapshot_status "$1") || fail 'etcdutl cannot read the snapshot'
  echo "verified $size $(digest <"$1")"
  echo "status $told"
}
`

/** What a snapshot file says of itself, verified on its host. */
export interface SnapshotFacts {
  readonly revision: number
  /** As `snapshot status` counts: keys since 3.6, entries of all buckets before. */
  readonly totalKey: number
  /** Of the whole database, eight hex digits. */
  readonly hash: string
  /** Of the data, such as 3.6.0; "" before 3.6, which does not say. */
  readonly storageVersion: string
  readonly sizeBytes: number
  readonly sha256: string
}

const status = z.object({
  hash: z.number(),
  revision: z.number(),
  totalKey: z.number(),
  version: z.string().default(''),
})

/** Reads the two lines of `verify_snapshot` out of what a script printed. Throws `ActionError` saying where. */
export function snapshotFacts(lines: readonly string[], where: string): SnapshotFacts {
  const [, size, sha256 = ''] = /^(\d+) ([0-9a-f]{64})$/.exec(lineOf(lines, 'verified')) ?? []
  const told = size === undefined ? undefined : status.safeParse(JSON.parse(lineOf(lines, 'status') || '{}'))
  if (!told?.success)
    throw new ActionError(
      `${where} told of a snapshot what is not understood: ${lastWords(lines.join(' | '), 500)}`,
    )
  const { hash, revision, totalKey, version } = told.data
  return {
    ...{ revision, totalKey, sha256 },
    hash: hex32(hash),
    storageVersion: version,
    sizeBytes: Number(size),
  }
}

/** What follows a line's first word; "" when there is no such line. */
export function lineOf(lines: readonly string[], word: string): string {
  return lines.find((line) => line.startsWith(`${word} `))?.slice(word.length + 1) ?? ''
}

/** A CRC as etcd's people write it. */
export function hex32(value: number): string {
  return value.toString(16).padStart(8, '0')
}
