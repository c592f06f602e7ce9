import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import type { ActionContext } from '../action.ts'
import { ActionError } from '../failure.ts'
import { jobKey } from '../host/job-key.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'

/** A configuration file on a host that Quorate edits and something else reads. */
export interface FilePlace {
  readonly host: string
  readonly path: string
  /**
   * What is kept beside it gets a name that begins with a dot: for directories whose reader takes every file
   * in them. A kubelet would start a second API server from the copy of a manifest.
   */
  readonly hidden?: boolean
}

export interface HostFile {
  /** Left out when there is no such file. */
  readonly text?: string
  /** It was written by a run that did not get as far as the reload. */
  readonly unloaded: boolean
}

/** Throws `ActionError` when it cannot be read, or is not text in UTF-8 that could be written back unharmed. */
export async function readHostFile(host: RemoteHost, place: Omit<FilePlace, 'host'>): Promise<HostFile> {
  const { path } = place
  const { code, stdout, stderr } = await host.exec({
    reads: true,
    argv: ['sh', '-c', readScript, 'sh', path, stemOf(place)],
    privileged: true,
  })
  const said = /^([-+])([-+])\n/.exec(stdout)
  if (code !== 0 || !said)
    throw new ActionError(`${path} on ${host.name} could not be read: ${stderr.trim() || 'it is too long'}.`)
  const text = stdout.slice(said[0].length)
  if (text.includes('\uFFFD')) throw new ActionError(`${path} on ${host.name} is not text in UTF-8.`)
  return { unloaded: said[2] === '+', ...(said[1] === '+' && { text }) }
}

export interface Replacement extends FilePlace {
  readonly text: string
  /** What it takes the place of; "" where there was no file. */
  readonly former: string
  /** Given the path of the new file as its last word; left out where nothing can judge it. */
  readonly check?: readonly string[]
  /** Makes the reader take it; when it fails, the former file comes back. */
  readonly reload?: readonly string[]
  /** The file counts as not loaded until `markLoaded` is called: for readers that take it in their own time. */
  readonly loadsLater?: boolean
}

/**
 * Puts a new text in a file's place and has it loaded, as one remote job: the former file stays beside it as
 * `PATH.quorate-RUN`, the new one is checked before it gets the name, and has the former's owner and mode.
 * A reload that fails puts the former file back. Throws `ActionError` with what the checker or reload said.
 */
export async function replaceHostFile(context: ActionContext, replacement: Replacement): Promise<void> {
  const { host: name, path, text, former, check = [], reload = [], loadsLater = false } = replacement
  const host = context.host(name)
  const kept = [path, stemOf(replacement), context.run.key, loadsLater ? 'later' : 'now']
  const words = [...kept, String(check.length), ...check, ...reload]
  await host.job(
    jobKey(context, digest([path, former, text])),
    { argv: ['sh', '-c', replaceScript, 'replace', ...words], stdin: text },
    { signal: context.signal },
  )
  const now = await readHostFile(host, replacement)
  if (now.text === text) return
  throw new ActionError(
    `${path} on ${name} was written, and is another again: something else writes it. End that, then retry.`,
  )
}

/** Says that what reads the file has taken it. */
export async function markLoaded(context: ActionContext, place: FilePlace): Promise<void> {
  const argv = ['rm', '-f', `${stemOf(place)}.quorate-unloaded`]
  await context
    .host(place.host)
    .job(jobKey(context, digest([place.path, 'loaded'])), { argv }, { signal: context.signal })
}

function digest(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12)
}

/** What the names of files kept beside another begin with. */
function stemOf({ path, hidden = false }: Omit<FilePlace, 'host'>): string {
  return hidden ? posix.join(posix.dirname(path), `.${posix.basename(path)}`) : path
}

/** Arguments: path, stem. The first line says whether there is a file, and whether its reload is still owed. */
const readScript = String.raw`
there=-; [ ! -e "$1" ] || there=+
owed=-; [ ! -e "$2.quorate-unloaded" ] || owed=+
echo "$there$owed"
[ "$there" = - ] || cat -- "$1"
`

/**
 * Arguments: path, stem, run, when it is loaded, how many words the check has, the check, the reload. The mark
 * `PATH.quorate-unloaded` lies there from the rename to the reload, so that no break in between is forgotten.
 * A file that cannot be renamed over (one bind-mounted by itself) is written in place.
 */
const replaceScript = String.raw`
path=$1; stem=$2; kept=$2.quorate-$3; loaded=$4; words=$5; shift 5
new=$stem.quorate-new; mark=$stem.quorate-unloaded; before=$stem.quorate-before
put() { mv -f "$1" "$path" 2>/dev/null || { cat "$1" >"$path" && rm -f "$1"; }; }
mkdir -p "$(dirname "$path")" || exit 1
rm -f "$new"
if [ -e "$path" ]; then cp -p "$path" "$new" || exit 1; fi
cat >"$new" || exit 1
checked() (
  count=$1; shift
  [ "$count" -gt 0 ] || exit 0
  left=$(($# - count)); i=0
  while [ "$i" -lt "$count" ]; do word=$1; shift; set -- "$@" "$word"; i=$((i + 1)); done
  shift "$left"
  command -v "$1" >/dev/null 2>&1 || { echo "there is no $1 here: not checked"; exit 0; }
  "$@" "$new"
)
if ! checked "$words" "$@" >&2; then
  rm -f "$new"
  echo "the new $path was not accepted; nothing was changed" >&2
  exit 80
fi
shift "$words"
if [ ! -e "$kept" ] && [ ! -e "$kept.none" ]; then
  if [ -e "$path" ]; then cp -p "$path" "$kept.half" && mv "$kept.half" "$kept" || exit 1
  else : >"$kept.none" || exit 1; fi
fi
rm -f "$before"
if [ -e "$path" ]; then cp -p "$path" "$before" || exit 1; fi
: >"$mark" && put "$new" || exit 1
if [ "$#" -gt 0 ] && ! "$@" >&2; then
  if [ -e "$before" ]; then put "$before"; else rm -f "$path"; fi
  [ ! -e "$path" ] || "$@" >/dev/null 2>&1
  rm -f "$mark"
  echo "$1 did not take the new $path: the former one was put back" >&2
  exit 81
fi
rm -f "$before"
[ "$loaded" = later ] || rm -f "$mark"
`
