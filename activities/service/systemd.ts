import type { SystemdService } from '../../dsl/inventory.ts'
import type { ServiceManager } from './manager.ts'

/**
 * etcd as a unit of systemd. Its fence is a drop-in with an assertion that cannot hold, because a mask cannot
 * be laid over a unit that lies in /etc, and a condition would let a start by hand pass for a success.
 */
export function systemd({ unit }: SystemdService): ServiceManager {
  const run = (text: string) => ['sh', '-c', `${common}${text}`, 'systemd', unit]
  return {
    start: run(startScript),
    stop: ['systemctl', 'stop', unit],
    status: run(statusScript),
    enable: run(enableScript),
    disable: run(disableScript),
    fenced: run('if fenced; then exit 0; else exit 3; fi'),
    // What was said long before the start says nothing about it.
    log: ['journalctl', '--unit', unit, '--since=-3min', '--lines=200', '--output=cat', '--no-pager'],
  }
}

const common = String.raw`
unit=$1
dir=/etc/systemd/system/$unit.d
fence=$dir/90-quorate-fence.conf
fail() { echo "$1" >&2; exit 91; }
look() {
  load= active= sub= restarts=0 job= result= file=
  seen=$(systemctl show --property=LoadState,ActiveState,SubState,NRestarts,Job,Result,UnitFileState "$unit") || exit 1
  while IFS='=' read -r name value; do
    case $name in
      LoadState) load=$value ;; ActiveState) active=$value ;; SubState) sub=$value ;; Result) result=$value ;;
      NRestarts) restarts=$value ;; Job) job=$value ;; UnitFileState) file=$value ;;
    esac
  done <<SEEN
$seen
SEEN
}
missing() { fail "systemd has no unit $unit"; }
fenced() { look; [ -e "$fence" ] || [ "$load" = masked ]; }
`

const statusScript = String.raw`
look
[ "$load" != not-found ] || missing
echo "$active ($sub)"
case $active in
  active | reloading | deactivating) exit 0 ;;
  activating) case $sub in auto-restart*) exit 5 ;; *) exit 0 ;; esac ;;
  inactive | failed) exit 3 ;;
  *) exit 1 ;;
esac
`

/**
 * A unit that tells when it is ready stays in activating until etcd has found its peers, which may take as long
 * as they take: that is called started after 20 s, and whether the member is well is for gates to say.
 */
const startScript = String.raw`
! fenced || fail "etcd is fenced on this host ($fence, or masked)"
[ "$load" != not-found ] || missing
# It may be dying again and again since before: that restart must not be taken for one of what starts now.
case $active/$sub in activating/auto-restart*) systemctl stop "$unit" || exit 1 ;; esac
before=$restarts
[ "$active" = active ] || { before=0; systemctl reset-failed "$unit" 2>/dev/null; }
systemctl start --no-block "$unit" || exit 1
steady=0
waited=0
while [ "$steady" -lt 6 ] && [ "$waited" -lt 100 ]; do
  sleep 0.2 2>/dev/null || sleep 1
  waited=$((waited + 1))
  look
  [ "$restarts" -le "$before" ] || fail "etcd was started and died: systemd starts it again and again ($result)"
  case $active/$sub in
    activating/auto-restart*) fail "etcd was started and died: systemd starts it again and again ($result)" ;;
    active/* | reloading/*) steady=$((steady + 1)) ;;
    activating/*) steady=0 ;;
    *) case $job in '' | 0) fail "etcd was started and does not run: $active ($sub), $result" ;; esac ;;
  esac
done
exit 0
`

const enableScript = String.raw`
look
[ "$load" != not-found ] || missing
rm -f "$fence" || exit 1
rmdir "$dir" 2>/dev/null
[ "$load" != masked ] || systemctl unmask "$unit" || exit 1
systemctl daemon-reload || exit 1
systemctl enable "$unit" || exit 1
! fenced || fail "$unit is still masked"
`

const disableScript = String.raw`
look
[ "$load" != not-found ] || missing
systemctl disable "$unit" 2>/dev/null
mkdir -p "$dir" || exit 1
cat >"$fence.new" <<'FENCE' || exit 1
# Written by Quorate: etcd must not be started here. Its data has moved, or is stale, or was given up.
# The opposite is the action service.enable.
[Unit]
AssertPathExists=/etcd-is-fenced-here/see/90-quorate-fence.conf
FENCE
mv "$fence.new" "$fence" || exit 1
systemctl daemon-reload || exit 1
case $(systemctl show --property=DropInPaths,LoadState "$unit") in
  *90-quorate-fence.conf* | *LoadState=masked*) ;;
  *) fail "systemd does not read $fence" ;;
esac
`
