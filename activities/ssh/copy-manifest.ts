import { createHash } from 'node:crypto'
import { ActionError, RefusedError } from '../failure.ts'

/** Directories are compared and copied by blocks of this many bytes. */
export const blockBytes = 4 * 1024 * 1024

/** Lies in a destination from the first pass until the copy is proven whole. */
export const incomingMark = '.quorate-incoming'

export interface Entry {
  readonly kind: 'file' | 'directory'
  /** Relative to the root, which itself is `.`. */
  readonly path: string
  /** Permission bits. */
  readonly mode: number
  /** `user:group`, by name where the host has one. */
  readonly owner: string
  readonly sizeBytes: number
  /**
   * sha256 in hex: of each block, or (`sums`) of the whole; none where only listed, fewer than the size asks for
   * when the file changed meanwhile.
   */
  readonly hashes: readonly string[]
}

export interface Manifest {
  /** `incoming`: an unfinished copy of ours. */
  readonly state: 'absent' | 'incoming' | 'plain'
  readonly asRoot: boolean
  /** By path. */
  readonly entries: ReadonlyMap<string, Entry>
}

/**
 * `list` says what is there, `sums` also the sha256 of each file, `blocks` that of each block of the files named on
 * stdin. openssl where there is one: it uses what the CPU has for it, five times faster than coreutils without.
 * Names come last on their lines. Arguments: MODE ROOT MARK.
 */
const script = `
LC_ALL=C
export LC_ALL
set -f
mode=$1 root=$2 mark=$3
echo "user $(id -u)"
[ ! -L "$root" ] || { echo link; exit 0; }
[ -e "$root" ] || { echo absent; exit 0; }
[ -d "$root" ] || { echo other; exit 0; }
cd "$root" || exit 1
if [ "$(openssl dgst -sha256 -r </dev/null 2>/dev/null | wc -c)" -gt 64 ]; then
  sum() { openssl dgst -sha256 -r; }
elif command -v sha256sum >/dev/null 2>&1; then
  sum() { sha256sum; }
else
  sum() { shasum -a 256; }
fi
show() {
  path=$2 kind=$1
  set -- $(ls -ld "$path" 2>/dev/null)
  [ $# -ge 5 ] || return 1
  size=$5
  [ "$kind" = f ] || size=0
  [ -r "$path" ] || printf 'unreadable %s\\n' "$path"
  printf '%s %s %s %s %s %s\\n' "$kind" "$1" "$3" "$4" "$size" "$path"
}
if [ "$mode" = blocks ]; then
  while IFS= read -r path; do
    show f "./$path" || continue
    blocks=$(((size + ${blockBytes - 1}) / ${blockBytes}))
    block=0
    while [ "$block" -lt "$blocks" ]; do
      if [ "$blocks" -eq 1 ]; then
        sum <"$path"
      else
        dd if="$path" bs=65536 skip=$((block * ${blockBytes / 65536})) count=${blockBytes / 65536} 2>/dev/null | sum
      fi
      block=$((block + 1))
    done
  done
  echo end
  exit
fi
[ ! -e "$mark" ] || echo incoming
find . 2>&1 >/dev/null | grep -v 'No such file' | head -n 1 | sed 's/^/unreadable /'
find . -name '*[[:cntrl:]]*' | head -n 1 | tr -c '[:print:]' '?' | sed 's/^/hostile /'
find . ! -type d ! -type f | sed 's/^/odd /'
find . -type d | while IFS= read -r path; do
  show d "$path"
done
find . -type f ! -path "./$mark" | while IFS= read -r path; do
  show f "$path" && [ "$mode" = sums ] && sum <"$path"
done
echo end`

export type ListingMode = 'list' | 'sums' | 'blocks'

export const manifestArgv = (mode: ListingMode, root: string): readonly string[] => [
  'sh',
  '-c',
  script,
  'quorate-manifest',
  mode,
  root,
  incomingMark,
]

/**
 * Reads what the script said. `where` names host and directory in errors.
 * Throws `RefusedError` for what is not copied (links, devices, hostile names), `ActionError` for a torn answer.
 */
export function parseManifest(text: string, where: string): Manifest {
  const lines = text.split('\n')
  if (lines.includes('absent')) return { state: 'absent', asRoot: isRoot(lines), entries: new Map() }
  refuseOddities(lines, where)
  if (lines.at(-2) !== 'end') throw new ActionError(`The listing of ${where} broke off; try again.`)
  return {
    state: lines.includes('incoming') ? 'incoming' : 'plain',
    asRoot: isRoot(lines),
    entries: new Map(entriesOf(lines).map((entry) => [entry.path, entry])),
  }
}

/** The manifest with what a closer look at some of its files said. */
export function withHashes(manifest: Manifest, looked: Manifest): Manifest {
  return { ...manifest, entries: new Map([...manifest.entries, ...looked.entries]) }
}

/** Where two manifests (with sums) differ first, if they do. Owners count where both are root. */
export function firstDifference(left: Manifest, right: Manifest): string | undefined {
  const withOwners = left.asRoot && right.asRoot
  const paths = new Set([...left.entries.keys(), ...right.entries.keys()])
  return [...paths].toSorted().find((path) => {
    const [one, other] = [left.entries.get(path), right.entries.get(path)]
    return one === undefined || other === undefined || !sameEntry(one, other, withOwners)
  })
}

function sameEntry(one: Entry, other: Entry, withOwners: boolean): boolean {
  const same = one.kind === other.kind && one.mode === other.mode && one.sizeBytes === other.sizeBytes
  const sameOwner = !withOwners || one.owner === other.owner
  const hashed = one.kind === 'directory' || one.hashes.length === 1
  return same && sameOwner && hashed && one.hashes.join() === other.hashes.join()
}

/** One digest for all of it: names, modes, sizes and hashes, in the order of names; owners and times are left out. */
export function manifestDigest({ entries }: Manifest): string {
  const hash = createHash('sha256')
  for (const path of [...entries.keys()].toSorted()) {
    const entry = entries.get(path)
    if (entry !== undefined)
      hash.update(`${JSON.stringify([path, entry.kind, entry.mode, entry.sizeBytes, entry.hashes])}\n`)
  }
  return hash.digest('hex')
}

const isRoot = (lines: readonly string[]): boolean => lines[0] === 'user 0'

function refuseOddities(lines: readonly string[], where: string): void {
  if (lines.includes('link')) {
    throw new RefusedError(`${where} is a symbolic link. Give the directory it points to.`)
  }
  if (lines.includes('other')) throw new RefusedError(`${where} is no directory.`)
  const unreadable = lines.find((line) => line.startsWith('unreadable '))
  if (unreadable !== undefined) {
    throw new RefusedError(
      `${where} cannot be read whole: ${unreadable.slice('unreadable '.length)}. ` +
        'Log in as its owner or as root, or set ssh.sudo in the inventory.',
    )
  }
  const odd = lines.find((line) => line.startsWith('odd '))
  if (odd !== undefined) {
    throw new RefusedError(
      `${where} holds ${odd.slice('odd '.length)}, which is neither file nor directory. A data directory with ` +
        'links in it (such as a WAL kept elsewhere) cannot be copied yet.',
    )
  }
  const hostile = lines.find((line) => line.startsWith('hostile ') || line.includes('\ufffd'))
  if (hostile !== undefined) {
    throw new RefusedError(
      `${where} holds a name with control characters or broken UTF-8 in it (${hostile.replace(/^hostile /, '')}). ` +
        'etcd makes no such files: find out what it is.',
    )
  }
}

function entriesOf(lines: readonly string[]): readonly Entry[] {
  const entries: (Entry & { readonly hashes: string[] })[] = []
  for (const line of lines) {
    const entry = parseEntry(line)
    if (entry !== undefined) entries.push(entry)
    else if (/^[0-9a-f]{64} /.test(line)) entries.at(-1)?.hashes.push(line.slice(0, 64))
  }
  return entries
}

function parseEntry(line: string): (Entry & { readonly hashes: string[] }) | undefined {
  const found = /^([df]) (\S+) (\S+) (\S+) (\d+) \.(?:\/(.+))?$/.exec(line)
  if (found === null) return undefined
  const [, kind, mode = '', user, group, size, path = '.'] = found
  return {
    kind: kind === 'd' ? 'directory' : 'file',
    path,
    mode: permissionBits(mode),
    owner: `${user}:${group}`,
    sizeBytes: Number(size),
    hashes: [],
  }
}

/** `drwxr-x---` as `ls` writes it (POSIX), with `s` and `t` where they stand. */
export function permissionBits(text: string): number {
  const bits = Array.from(text.slice(1, 10), (letter) => (/[rwxst]/.test(letter) ? 1 : 0))
  const plain = bits.reduce<number>((sum, bit) => sum * 2 + bit, 0)
  const special =
    (/[sS]/.test(text.charAt(3)) ? 4 : 0) +
    (/[sS]/.test(text.charAt(6)) ? 2 : 0) +
    (/[tT]/.test(text.charAt(9)) ? 1 : 0)
  return special * 0o1000 + plain
}
