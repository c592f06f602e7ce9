import type { SuperviseService } from '../../dsl/inventory.ts'
import type { ServiceManager } from './manager.ts'

/**
 * etcd under supervise of daemontools. A `down` file alone keeps it from being started at boot and not by
 * `svc -u`; the fence also takes from `run` the right to be executed.
 * Source: daemontools, supervise(8), svc(8), svstat(8).
 */
export function supervise({ directory, log }: SuperviseService): ServiceManager {
  const run = (text: string, ...more: readonly string[]) => [
    ...['sh', '-c', `${common}${text}`, 'supervise', directory],
    ...more,
  ]
  return {
    start: run(startScript),
    stop: run(stopScript),
    status: run(statusScript),
    enable: run(enableScript),
    disable: run(disableScript),
    fenced: run('if fenced; then exit 0; else exit 3; fi'),
    log: run(logScript, log ?? ''),
  }
}

const common = String.raw`
PATH=$PATH:/usr/local/bin:/command
dir=$1
fail() { echo "$1" >&2; exit 91; }
# What svstat says without the directory: "up (pid 12) 3 seconds", "down 2 seconds, normally up".
told() { svstat "$dir" | sed 's/^[^:]*: //'; }
pid() { told | sed -n 's/^up (pid \([0-9]*\)).*/\1/p'; }
fenced() { [ ! -x "$dir/run" ]; }
down() {
  svc -d "$dir" || exit 1
  waited=0
  while :; do
    case $(told) in down*) return ;; esac
    [ "$waited" -lt 300 ] || fail "etcd did not end within 60 s: $(told)"
    waited=$((waited + 1))
    sleep 0.2 2>/dev/null || sleep 1
  done
}
`

/** Within the first seconds a process that dies again and again is up as well: only then it is looked at twice. */
const statusScript = String.raw`
state=$(told)
echo "$state"
case $state in
  'up (pid '*') 0 seconds'* | 'up (pid '*') 1 seconds'*)
    before=$(pid)
    sleep 2
    [ "$(pid)" = "$before" ] || exit 5 ;;
  up*) exit 0 ;;
  down*'want up'*) exit 5 ;;
  down*) exit 3 ;;
  *) echo "$state" >&2; exit 1 ;;
esac
`

const startScript = String.raw`
[ -e "$dir/run" ] || fail "there is no service directory $dir with a run script"
! fenced || fail "etcd is fenced on this host: $dir/run may not be executed"
svok "$dir" || fail "supervise does not run in $dir: look whether svscan runs"
svc -u "$dir" || exit 1
before=
steady=0
waited=0
while [ "$steady" -lt 6 ]; do
  [ "$waited" -lt 50 ] || fail "etcd was started and does not run: $(told)"
  sleep 0.2 2>/dev/null || sleep 1
  waited=$((waited + 1))
  now=$(pid)
  [ -n "$now" ] || continue
  [ -z "$before" ] || [ "$now" = "$before" ] || fail "etcd was started and died: supervise starts it again and again"
  before=$now
  steady=$((steady + 1))
done
exit 0
`

const stopScript = String.raw`
svok "$dir" || { [ -d "$dir" ] && exit 0; fail "there is no service directory $dir"; }
down
`

/** Somebody may have told supervise to start it in vain: it must not come up by having its right back. */
const enableScript = String.raw`
! fenced || ! svok "$dir" || down
rm -f "$dir/down" && chmod u+x "$dir/run"
`

const disableScript = String.raw`
[ -e "$dir/run" ] || fail "there is no service directory $dir with a run script"
echo 'Fenced by Quorate: etcd must not be started here.' >"$dir/down" || exit 1
chmod a-x "$dir/run"
`

const logScript = String.raw`
for file in "$2" "$dir/log/main/current" "$dir/log/current"; do
  [ ! -f "$file" ] || { tail -n 60 "$file"; exit; }
done
`
