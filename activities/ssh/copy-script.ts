import { blockBytes, incomingMark } from './copy-manifest.ts'
import type { Operation, Range } from './copy-plan.ts'
import { stampFunction } from './job-script.ts'
import { shellCommand } from './quote.ts'

/**
 * The shell side of copies. POSIX sh and tools that Linux, busybox and macOS share.
 *
 * On the destination, WORKDIR/transfers/ID/ (0700), one for each directory copied into:
 *   token       `TOKEN KEY`: whose pass it is; whoever has another token writes nothing any more
 *   receive     what the transfer's key may run, and nothing else
 *   root        the directory copied into
 *   files       names, one a line: a range names its file by line number, so no path is ever taken from the wire
 *   receiver.*  `PID STAMP` of each that may still be writing
 * On the source, WORKDIR/transfers/ID/ only while it sends: the key, the destination's host key, the ranges.
 */

/** What one read takes: a pipe holds no more, and a small buffer stays in the CPU's cache. */
const pieceBytes = 64 * 1024
const blockPieces = blockBytes / pieceBytes

/** Arguments: DIR TOKEN REQUEST, where REQUEST is \`hello\` or \`put FILE BLOCK\` with the data on stdin. */
const receiver = `
umask 077
LC_ALL=C
export LC_ALL
set -f
${stampFunction}
dir=$1 token=$2
set -- $3
mine() {
  read -r now rest <"$dir/token" && [ "$now" = "$token" ] && return
  echo "another pass of this copy took over" >&2
  exit 77
}
mine
case $1 in
hello) echo "ready $token"; exit ;;
put) ;;
*) echo "only put and hello are allowed" >&2; exit 78 ;;
esac
case $2:$3 in
*[!0-9:]* | :* | *:) echo "put takes two numbers" >&2; exit 78 ;;
esac
read -r root <"$dir/root"
path=$(sed -n "$2p" "$dir/files")
[ -n "$path" ] || { echo "no file $2" >&2; exit 78; }
printf '%s %s\\n' "$$" "$(stamp $$)" >"$dir/receiver.$$"
mine
exec dd of="$root/$path" bs=${pieceBytes} seek=$(($3 * ${blockPieces})) conv=notrunc`

/**
 * Takes the destination over for one pass: ends whoever still writes, then makes everything ready for the ranges.
 * Arguments: DIR ROOT TOKEN KEY RECEIVER; stdin: files, an empty line, operations (a line, then its path).
 */
const open = `
umask 077
set -f
${stampFunction}
dir=$1 root=$2 token=$3
mkdir -p "$dir" || exit 1
printf '%s %s\\n' "$token" "$4" >"$dir/token.new" && mv "$dir/token.new" "$dir/token" || exit 1
set +f
for file in "$dir"/receiver.*; do
  [ -f "$file" ] || continue
  read -r pid mark <"$file"
  if [ "$(stamp "$pid")" = "$mark" ]; then
    kill -9 "$pid" 2>/dev/null
    tries=0
    while [ "$(stamp "$pid")" = "$mark" ] && [ "$tries" -lt 50 ]; do
      sleep 0.1 2>/dev/null || sleep 1
      tries=$((tries + 1))
    done
    [ "$(stamp "$pid")" != "$mark" ] || { echo "process $pid still writes" >&2; exit 1; }
  fi
  rm -f "$file"
done
set -f
printf '%s\\n' "$5" >"$dir/receive" && printf '%s\\n' "$root" >"$dir/root" || exit 1
while IFS= read -r path && [ -n "$path" ]; do
  printf '%s\\n' "$path"
done >"$dir/files"
[ -d "$root" ] || { (umask 022; mkdir -p "\${root%/*}/") && mkdir "$root"; } || exit 1
: >"$root/${incomingMark}" || exit 1
while read -r kind first second && IFS= read -r path; do
  case $kind in
  remove) rm -rf "$root/$path" ;;
  directory) [ -d "$root/$path" ] || mkdir "$root/$path" ;;
  zeros) dd if=/dev/zero of="$root/$path" bs=${blockBytes} seek="$first" count="$second" conv=notrunc 2>/dev/null ;;
  size) dd if=/dev/null of="$root/$path" bs=1 seek="$first" count=0 2>/dev/null ;;
  mode) chmod "$first" "$root/$path" ;;
  owner) chown "$first" "$root/$path" ;;
  esac || { echo "$kind $first $second of $root/$path failed" >&2; exit 1; }
done`

/** Proven whole: on disk, no mark any more. Arguments: DIR ROOT. */
const finish = `
find "$2" -exec sync {} + 2>/dev/null || sync
rm -f "$2/${incomingMark}" && { sync "$2" 2>/dev/null || sync; }
rm -rf "$1"`

/**
 * Puts one line into ~/.ssh/authorized_keys in the place of all that end with TAG, or only takes those out.
 * Arguments: TAG [LINE]. Exit code 75: the file is a link, whose target is not ours to replace.
 */
const authorize = `
umask 077
file=$HOME/.ssh/authorized_keys
[ ! -L "$file" ] || exit 75
[ $# -eq 2 ] || grep -q " $1\\$" "$file" 2>/dev/null || exit 0
mkdir -p "$HOME/.ssh"
lock=$HOME/.ssh/.quorate-lock
tries=0
until mkdir "$lock" 2>/dev/null; do
  tries=$((tries + 1))
  [ "$tries" -lt 50 ] || { rmdir "$lock" 2>/dev/null; tries=0; }
  sleep 0.1 2>/dev/null || sleep 1
done
trap 'rmdir "$lock"' EXIT
new=$file.quorate.$$
if [ -f "$file" ]; then cp -p "$file" "$new"; else : >"$new"; fi || exit 1
{
  [ ! -f "$file" ] || grep -v " $1\\$" "$file"
  [ $# -lt 2 ] || printf '%s\\n' "$2"
} >"$new"
mv "$new" "$file"`

/**
 * The source's job: sends ranges over one login, saying after each how many bytes went so far.
 * Arguments: DIR ROOT ADDRESS PORT USER TOKEN; stdin: \`= key\`, \`= known_hosts\` and \`= ranges\`, each with its lines after it.
 * Exit codes: 75 no ssh here, or the destination cannot be reached from here; 76 the destination did not take a range.
 */
const send = `
umask 077
dir=$1 root=$2 address=$3 port=$4 user=$5 token=$6
rm -rf "$dir"
mkdir -p "$dir" && cd "$dir" || exit 1
trap 'ssh -F /dev/null -o ControlPath=link -O exit "$address" >/dev/null 2>&1; cd /; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
while IFS= read -r line; do
  case $line in
  '= '*) part=\${line#= }; : >"$part" ;;
  *) printf '%s\\n' "$line" >>"$part" ;;
  esac
done
command -v ssh >/dev/null 2>&1 || { echo "there is no ssh here" >&2; exit 75; }
link() {
  ssh -F /dev/null -i key -p "$port" -l "$user" -o ControlPath=link -o ControlMaster=auto -o ControlPersist=60 \\
    -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none -o PreferredAuthentications=publickey \\
    -o StrictHostKeyChecking=yes -o UserKnownHostsFile=known_hosts -o GlobalKnownHostsFile=/dev/null \\
    -o ClearAllForwardings=yes -o ForwardAgent=no -o Compression=no -o LogLevel=ERROR \\
    -o ConnectTimeout=5 -o ServerAliveInterval=5 -o ServerAliveCountMax=3 \\
    -o Ciphers=aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr,aes128-ctr \\
    "$address" "$1"
}
[ "$(link hello </dev/null)" = "ready $token" ] || { echo "cannot log in to $user@$address:$port from here" >&2; exit 75; }
sent=0
while read -r file block count bytes && IFS= read -r path; do
  dd if="$root/$path" bs=${pieceBytes} skip=$((block * ${blockPieces})) count=$((count * ${blockPieces})) 2>/dev/null | link "put $file $block" || exit 76
  sent=$((sent + bytes))
  echo "$sent"
done <ranges`

export const openArgv = (dir: string, root: string, token: string, key: string): readonly string[] => [
  ...inShell('open', open),
  dir,
  root,
  token,
  key,
  receiver,
]

/** What `open` reads: the files that will be sent, then what to do first. */
export function openInput(files: readonly string[], operations: readonly Operation[]): string {
  return [
    ...files,
    '',
    ...operations.flatMap((operation) => [operationLine(operation), operation.path]),
    '',
  ].join('\n')
}

export const finishArgv = (dir: string, root: string): readonly string[] => [
  ...inShell('finish', finish),
  dir,
  root,
]

export const authorizeArgv = (tag: string, line?: string): readonly string[] => [
  ...inShell('authorize', authorize),
  tag,
  ...(line === undefined ? [] : [line]),
]

/** The one thing that the transfer's key may run. sshd takes `\"` for a quote and nothing else. */
export function authorizedLine(receive: readonly string[], publicKey: string, tag: string): string {
  const command = `${shellCommand(receive)} "$SSH_ORIGINAL_COMMAND"`
  return `restrict,command="${command.replaceAll('"', '\\"')}" ${publicKey} ${tag}`
}

/** Without its last word, the request. */
export const receiveArgv = (dir: string, token: string): readonly string[] => [
  'sh',
  `${dir}/receive`,
  dir,
  token,
]

export const readArgv = (root: string, { path, block, count }: Range): readonly string[] => [
  'dd',
  `if=${root}/${path}`,
  `bs=${pieceBytes}`,
  `skip=${block * blockPieces}`,
  `count=${count * blockPieces}`,
]

export interface SendRequest {
  readonly dir: string
  readonly root: string
  readonly address: string
  readonly port: number
  readonly user: string
  readonly token: string
}

export const sendArgv = ({ dir, root, address, port, user, token }: SendRequest): readonly string[] => [
  ...inShell('send', send),
  dir,
  root,
  address,
  `${port}`,
  user,
  token,
]

/** What `send` reads. File numbers are line numbers of the destination's `files`. */
export function sendInput(
  privateKey: string,
  knownHosts: readonly string[],
  files: readonly string[],
  ranges: readonly Range[],
): string {
  const numbers = new Map(files.map((path, index) => [path, index + 1]))
  const rangeLines = ranges.flatMap(({ path, block, count, bytes }) => [
    `${numbers.get(path)} ${block} ${count} ${bytes}`,
    path,
  ])
  return ['= key', privateKey.trim(), '= known_hosts', ...knownHosts, '= ranges', ...rangeLines, ''].join(
    '\n',
  )
}

function inShell(name: string, script: string): readonly string[] {
  return ['sh', '-c', script, `quorate-${name}`]
}

function operationLine(operation: Operation): string {
  switch (operation.kind) {
    case 'remove':
    case 'directory':
      return operation.kind
    case 'zeros':
      return `zeros ${operation.block} ${operation.count}`
    case 'size':
      return `size ${operation.sizeBytes}`
    case 'mode':
      return `mode ${operation.mode.toString(8).padStart(4, '0')}`
    case 'owner':
      return `owner ${operation.owner}`
  }
}
