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
  /** sha256 of each block, hex; fewer than the size asks for when the file changed meanwhile. */
  readonly blocks: readonly string[]
}

export interface Manifest {
  /** `incoming`: an unfinished copy of ours. */
  readonly state: 'absent' | 'incoming' | 'plain'
  readonly asRoot: boolean
  /** By path. */
  readonly entries: ReadonlyMap<string, Entry>
}

/** Lists a directory with the sha256 of every block. Names come last on their lines. */
const script = `
LC_ALL=C
export LC_ALL
set -f
echo "user $(id -u)"
[ ! -L "$1" ] || { echo link; exit 0; }
[ -e "$1" ] || { echo absent; exit 0; }
[ -d "$1" ] || { echo other; exit 0; }
cd "$1" || exit 1
mark=$2
[ ! -e "$mark" ] || echo incoming
find . 2>&1 >/dev/null | grep -v 'No such file' | head -n 1 | sed 's/^/unreadable /'
find . -name '*[[:cntrl:]]*' | head -n 1 | tr -c '[:print:]' '?' | sed 's/^/hostile /'
find . ! -type d ! -type f | sed 's/^/odd /'
if command -v sha256sum >/dev/null 2>&1; then
  sum() { sha256sum; }
else
  sum() { shasum -a 256; }
fi
find . -type d | while IFS= read -r path; do
  set -- $(ls -ld "$path" 2>/dev/null)
  [ $# -lt 5 ] || printf 'd %s %s %s 0 %s\\n' "$1" "$3" "$4" "$path"
done
find . -type f ! -path "./$mark" | while IFS= read -r path; do
  set -- $(ls -ld "$path" 2>/dev/null)
  [ $# -ge 5 ] || continue
  [ -r "$path" ] || printf 'unreadable %s\\n' "$path"
  printf 'f %s %s %s %s %s\\n' "$1" "$3" "$4" "$5" "$path"
  blocks=$((($5 + ${blockBytes - 1}) / ${blockBytes}))
  block=0
  while [ "$block" -lt "$blocks" ]; do
    if [ "$blocks" -eq 1 ]; then
      sum <"$path"
    else
      dd if="$path" bs=${blockBytes} skip="$block" count=1 2>/dev/null | sum
    fi
    block=$((block + 1))
  done
done 2>/dev/null
echo end`

export const manifestArgv = (root: string): readonly string[] => [
  'sh',
  '-c',
  script,
  'quorate-manifest',
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

/** One digest for all of it: names, modes, sizes and content, in the order of names; owners and times are left out. */
export function manifestDigest({ entries }: Manifest): string {
  const hash = createHash('sha256')
  for (const path of [...entries.keys()].toSorted()) {
    const entry = entries.get(path)
    if (entry !== undefined)
      hash.update(`${JSON.stringify([path, entry.kind, entry.mode, entry.sizeBytes, entry.blocks])}\n`)
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
  const entries: (Entry & { readonly blocks: string[] })[] = []
  for (const line of lines) {
    const entry = parseEntry(line)
    if (entry !== undefined) entries.push(entry)
    else if (/^[0-9a-f]{64} /.test(line)) entries.at(-1)?.blocks.push(line.slice(0, 64))
  }
  return entries
}

function parseEntry(line: string): (Entry & { readonly blocks: string[] }) | undefined {
  const found = /^([df]) (\S+) (\S+) (\S+) (\d+) \.(?:\/(.+))?$/.exec(line)
  if (found === null) return undefined
  const [, kind, mode = '', user, group, size, path = '.'] = found
  return {
    kind: kind === 'd' ? 'directory' : 'file',
    path,
    mode: permissionBits(mode),
    owner: `${user}:${group}`,
    sizeBytes: Number(size),
    blocks: [],
  }
}

/** `drwxr-x---` as `ls` writes it (POSIX), with `s` and `t` where they stand. */
export function permissionBits(text: string): number {
  const bits = [...text.slice(1, 10)].map((letter) => (/[rwxst]/.test(letter) ? 1 : 0))
  const plain = bits.reduce<number>((sum, bit) => sum * 2 + bit, 0)
  const special =
    (/[sS]/.test(text.charAt(3)) ? 4 : 0) +
    (/[sS]/.test(text.charAt(6)) ? 2 : 0) +
    (/[tT]/.test(text.charAt(9)) ? 1 : 0)
  return special * 0o1000 + plain
}
