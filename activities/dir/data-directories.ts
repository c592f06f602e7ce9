import { z } from 'zod'
import { ActionError } from '../failure.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { type Identity, readIdentity } from './wal-head.ts'

/** A data directory as it lies on a host. */
export interface DataDirectory {
  readonly path: string
  /** Whose it is; left out when it holds no readable log. */
  readonly identity?: Identity
  /** Whether a process has its database open. */
  readonly open: 'yes' | 'no' | 'unknown'
  /** It holds nothing at all. */
  readonly empty: boolean
}

/** How far a log goes. Logs only grow, so of two copies the one with more in it is the newer. */
export interface LogEnd {
  /** Name of its newest segment; names sort by age. */
  readonly segment: string
  /** Bytes of it that are not zero: segments are allocated ahead and filled up. */
  readonly written: number
}

export interface DataDirectories {
  /** What lies where etcd would look for it. */
  readonly inPlace?: DataDirectory
  /** What was set aside or not yet put in place: `DATADIR.quorate-…`. */
  readonly aside: readonly DataDirectory[]
}

/** Finds the data directory of a host and all that Quorate laid beside it. */
export async function dataDirectories(host: RemoteHost, dataDir: string): Promise<DataDirectories> {
  const { code, stdout, stderr } = await host.exec({
    // The head of a segment may hold keys and values.
    ...{ reads: true, prints: 'data' },
    argv: ['sh', '-c', listScript, 'sh', dataDir],
    privileged: true,
  })
  if (code !== 0)
    throw new ActionError(`${dataDir} on ${host.name} could not be looked at: ${stderr.trim()}.`)
  const found = stdout.split('\n').filter(Boolean).map(parseLine)
  const inPlace = found.find(({ path }) => path === dataDir)
  return { ...(inPlace && { inPlace }), aside: found.filter(({ path }) => path !== dataDir) }
}

/** How far the log of one data directory goes; reads its newest segment. */
export async function logEnd(host: RemoteHost, path: string): Promise<LogEnd> {
  const { code, stdout, stderr } = await host.exec({
    reads: true,
    argv: ['sh', '-c', logEndScript, 'sh', path],
    privileged: true,
    timeoutMs: 60_000,
  })
  const [segment = '', written = ''] = stdout.trim().split(/\s+/)
  if (code !== 0 || !/^\d+$/.test(written)) {
    throw new ActionError(
      `The log in ${path} on ${host.name} could not be read: ${stderr.trim() || 'no segment'}.`,
    )
  }
  return { segment, written: Number(written) }
}

/** Negative when `a` is the older. */
export function compareLogEnds(a: LogEnd, b: LogEnd): number {
  if (a.segment !== b.segment) return a.segment < b.segment ? -1 : 1
  return a.written - b.written
}

const line = z.tuple([
  z.string(),
  z.enum(['yes', 'no', 'unknown']),
  z.enum(['empty', 'filled']),
  z.string().regex(/^[0-9a-f]*$/),
])

function parseLine(text: string): DataDirectory {
  const [path, open, filled, head] = line.parse(text.split('\t'))
  const identity = readIdentity(Buffer.from(head, 'hex'))
  return { path, open, empty: filled === 'empty', ...(identity && { identity }) }
}

/**
 * Whether etcd has the database open is asked of the lock it holds on the file, because ports and process
 * lists can belong to somebody else.
 */
const listScript = String.raw`
opened() {
  db=$1/member/snap/db
  [ -f "$db" ] || { echo no; return; }
  if command -v flock >/dev/null 2>&1; then flock -n -x "$db" true
  elif command -v perl >/dev/null 2>&1; then
    perl -e 'use Fcntl ":flock"; open(F, "<", $ARGV[0]) or exit 2; exit(flock(F, LOCK_EX | LOCK_NB) ? 0 : 1)' "$db"
  elif command -v python3 >/dev/null 2>&1; then
    python3 -c 'import fcntl, sys; fcntl.flock(open(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB)' "$db" 2>/dev/null
  else echo unknown; return; fi
  case $? in 0) echo no ;; 1) echo yes ;; *) echo unknown ;; esac
}
for path in "$1" "$1".quorate-*; do
  [ -e "$path" ] || [ -L "$path" ] || continue
  newest=
  for segment in "$path"/member/wal/*.wal; do [ -f "$segment" ] && newest=$segment; done
  head=
  [ -z "$newest" ] || head=$(dd if="$newest" bs=1024 count=1 2>/dev/null | od -An -v -tx1 | tr -d ' \n')
  filled=filled
  [ ! -d "$path" ] || [ -n "$(ls -A "$path")" ] || filled=empty
  printf '%s\t%s\t%s\t%s\n' "$path" "$(opened "$path")" "$filled" "$head"
done
exit 0
`

const logEndScript = String.raw`
newest=
for segment in "$1"/member/wal/*.wal; do [ -f "$segment" ] && newest=$segment; done
[ -n "$newest" ] || { echo "there is no segment in $1/member/wal" >&2; exit 1; }
printf '%s ' "$(basename -- "$newest")"
LC_ALL=C tr -d '\000' <"$newest" | wc -c
`
