/**
 * The shell side of remote jobs. POSIX sh and tools that Linux, busybox and macOS share.
 *
 * On the host, all 0700 and 0600:
 *   WORKDIR/jobs/KEY/started    one line a start, only ever added to: `N TIME PID`
 *   WORKDIR/jobs/KEY/N/         the Nth try; `mkdir` of it is the claim
 *     job.json                  what was asked for
 *     pid                       `PID STAMP` of the runner; the stamp (boot and start time) tells a reused pid
 *     stdin, out, err           bounded while somebody watches
 *     code                      `CODE CLAIMED ENDED` (seconds since 1970), put there by a rename
 *     reported                  its failure was told to the run that asked: the next ask makes try N+1
 */

/** Tells a process from a later one with the same pid; nothing for one that is dead. No fork where there is /proc. */
export const stampFunction = `
stamp() {
  if [ -r "/proc/$1/stat" ]; then
    read -r boot </proc/sys/kernel/random/boot_id
    read -r stat <"/proc/$1/stat"
    stat=\${stat##*) }
    set -- $stat
    [ "$1" = Z ] || echo "$boot:\${20}"
  else
    ps -o lstart= -p "$1" | tr ' ' _
  fi
}`

/** Lives in a session of its own: claims try N, runs the command, leaves its exit code. Arguments: KEYDIR N STDIN RECORD ARGV… */
const runner = `
umask 077
${stampFunction}
keydir=$1 n=$2 stdin=$3 record=$4
shift 4
dir=$keydir/$n
mkdir "$dir" 2>/dev/null || { rm -f "$stdin"; exit 0; }
claimed=$(date +%s)
printf '%s %s\\n' "$$" "$(stamp $$)" >"$dir/pid.new" &&
  mv "$dir/pid.new" "$dir/pid" &&
  printf '%s\\n' "$record" >"$dir/job.json" &&
  mv "$stdin" "$dir/stdin" &&
  : >"$dir/out" && : >"$dir/err" &&
  printf '%s %s %s\\n' "$n" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$$" >>"$keydir/started" ||
  { rm -rf "$dir" "$stdin"; exit 1; }
umask "$mask"
unset mask
( "$@" ) <"$dir/stdin" >>"$dir/out" 2>>"$dir/err"
code=$?
umask 077
rm -f "$dir/stdin"
printf '%s %s %s\\n' "$code" "$claimed" "$(date +%s)" >"$dir/code.new" && mv "$dir/code.new" "$dir/code"`

/**
 * Claims a job or attaches to it, waits, and says on stdout how it goes (see `job-frames.ts`).
 * Arguments: JOBS KEY ATTEMPT STDINBYTES RUNNER RECORD ARGV…; STDINBYTES below zero only attaches.
 * Exit codes: 0 all said; 91 no directory can be made; 92 stdin came incomplete; 93 the claim failed.
 * The ticker's signal is what ends \`wait\` once a second, so that only one process ever writes to stdout.
 */
const waiter = `
mask=$(umask)
export mask
umask 077
${stampFunction}
jobs=$1 keydir=$1/$2 attempt=$3 bytes=$4 runner=$5
shift 5
[ "$bytes" -lt 0 ] || { mkdir -p "$keydir" && touch "$keydir"; } || exit 91
n=1
while [ -e "$keydir/$n/reported" ]; do
  [ "$attempt" != - ] && read -r by <"$keydir/$n/reported" && [ "$by" = "$attempt" ] && break
  n=$((n + 1))
done
dir=$keydir/$n
view=$keydir/.view.$$
last=0
show() {
  size=0
  if [ -s "$2" ]; then
    tail -c "$3" "$2" >"$view"
    size=$(($(wc -c <"$view")))
  fi
  echo "$1 $size"
  [ "$size" -eq 0 ] || cat "$view"
}
bound() {
  [ -f "$1" ] && [ $(($(wc -c <"$1"))) -gt 4194304 ] || return 0
  tail -c 1048576 "$1" >"$view" && cat "$view" >"$1"
}
progress() {
  [ -f "$dir/out" ] || return 0
  now=$(($(wc -c <"$dir/out")))
  [ "$now" -eq "$last" ] || show out "$dir/out" 65536
  last=$now
  bound "$dir/out"
  bound "$dir/err"
}
alive() {
  [ -e "$dir/pid" ] || return 1
  read -r pid mark <"$dir/pid"
  kill -0 "$pid" 2>/dev/null && [ "$(stamp "$pid")" = "$mark" ]
}
if [ -d "$dir" ]; then
  echo "attached $n old"
elif [ "$bytes" -lt 0 ]; then
  echo none
  exit 0
else
  cat >"$keydir/.stdin.$$"
  [ $(($(wc -c <"$keydir/.stdin.$$"))) -eq "$bytes" ] || { rm -f "$keydir/.stdin.$$"; exit 92; }
  detach=nohup
  command -v setsid >/dev/null 2>&1 && detach=setsid
  trap : USR1
  $detach sh -c "$runner" quorate-job "$keydir" "$n" "$keydir/.stdin.$$" "$@" </dev/null >/dev/null 2>&1 &
  child=$!
  echo "attached $n new"
  find "$jobs" -mindepth 1 -maxdepth 1 -type d -mtime +30 -exec rm -rf {} + </dev/null >/dev/null 2>&1 &
  {
    trap 'kill "$nap" 2>/dev/null; exit' TERM
    while :; do
      sleep 1 &
      nap=$!
      wait "$nap"
      kill -USR1 $$ || exit
    done
  } </dev/null >/dev/null 2>&1 &
  ticker=$!
  while kill -0 "$child" 2>/dev/null; do
    wait "$child"
    progress
  done
  kill "$ticker" 2>/dev/null
  [ -d "$dir" ] || { echo "cannot make $dir: is its disk full?" >&2; exit 93; }
fi
round=0
while [ ! -e "$dir/code" ] && { alive || { [ ! -e "$dir/pid" ] && [ "$round" -lt 50 ]; }; }; do
  sleep 0.2 2>/dev/null || sleep 1
  round=$((round + 1))
  [ $((round % 5)) -ne 0 ] || progress
done
if [ -e "$dir/code" ]; then
  read -r code claimed ended <"$dir/code"
  echo "code $code $claimed $ended"
else
  echo lost
fi
show out "$dir/out" 1048576
show err "$dir/err" 1048576
rm -f "$view"
echo end`

/** The argv that claims or attaches to a job. `attempt` is `-` where the caller has none. */
export function waitForJob(job: {
  readonly jobs: string
  readonly key: string
  readonly attempt: string
  readonly stdinBytes: number
  readonly record: string
  readonly argv: readonly string[]
}): readonly string[] {
  const { jobs, key, attempt, stdinBytes, record, argv } = job
  return ['sh', '-c', waiter, 'quorate-wait', jobs, key, attempt, `${stdinBytes}`, runner, record, ...argv]
}

/** The argv that marks a try's failure as told: the next ask runs the command anew. */
export const markReported = (dir: string, attempt: string): readonly string[] => [
  'sh',
  '-c',
  'umask 077; printf "%s\\n" "$2" >"$1/reported.$$" && mv "$1/reported.$$" "$1/reported"',
  'quorate-reported',
  dir,
  attempt,
]
