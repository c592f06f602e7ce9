import { portState } from '../host/ports.ts'
import { stampFunction } from '../ssh/job-script.ts'

/**
 * Shell functions around one etcd that runs for a moment, on loopback, on ports of its own, as whoever owns its
 * data, and never through the service manager. POSIX sh; the caller sets `bin` (directory of the programs), `mark` (a
 * file by which a later try finds what this one left) and `limit` (seconds), then uses
 *
 *   throwaway_begin                     ends what an earlier try left; from here on everything is ended on exit
 *   throwaway_start DATADIR NAME FLAGS… starts etcd and waits until it serves reads through its quorum
 *   ctl …                               etcdctl at it
 *   throwaway_stop                      stops it and waits until it is gone
 *
 * and may define `throwaway_clean`, which runs on exit whatever happens. `fail TEXT` ends it all.
 * etcd's quota is set far above what databases have (and no further: etcd maps as much memory): at its default a
 * larger one would raise an alarm, and the alarm would stay in the data.
 */
export const throwawayFunctions = String.raw`
${portState}
${stampFunction}
fail() { echo "$1" >&2; exit 85; }
nap() { sleep 0.2 2>/dev/null || sleep 1; }
throwaway_pid=
throwaway_url=
gone() { [ -z "$throwaway_pid" ] || [ -z "$(stamp "$throwaway_pid")" ]; }
ctl() { ETCDCTL_API=3 "$bin/etcdctl" --endpoints="$throwaway_url" --dial-timeout=2s --command-timeout=60s "$@"; }

throwaway_exit() {
  code=$?
  trap '' HUP INT TERM
  throwaway_stop
  throwaway_clean
  rm -f "$mark" "$mark.log"
  exit "$code"
}
throwaway_clean() { :; }

throwaway_begin() {
  umask 077
  mkdir -p "$(dirname "$mark")" || exit 1
  if read -r left stamped 2>/dev/null <"$mark"; then
    if [ -n "$left" ] && [ "$(stamp "$left")" = "$stamped" ]; then
      kill -9 "$left" 2>/dev/null
      waited=0
      while [ "$(stamp "$left")" = "$stamped" ] && [ "$waited" -lt 50 ]; do nap; waited=$((waited + 1)); done
      [ "$(stamp "$left")" != "$stamped" ] || fail "process $left, an etcd that an earlier try left, does not end"
    fi
    rm -f "$mark"
  fi
  trap throwaway_exit EXIT
  trap 'exit 1' HUP INT TERM
}

free_port() {
  tries=0
  while [ "$tries" -lt 50 ]; do
    candidate=$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')
    candidate=$((20000 + candidate % 12000))
    if [ "$(port_state 127.0.0.1 "$candidate")" = closed ]; then echo "$candidate"; return; fi
    tries=$((tries + 1))
  done
  fail 'no free port was found on 127.0.0.1'
}

owner_of() { ls -ldn "$1" | { read -r _ _ user group _; echo "$user:$group"; }; }

# Runs a program as a user and group given by number, where this is root; without a tool for that, as root, and the
# files are given back afterwards.
as_owner() {
  ids=$1
  shift
  user=$(id -u)
  if [ "$user" -ne 0 ] || [ "$ids" = 0:0 ]; then exec "$@"; fi
  if command -v setpriv >/dev/null 2>&1; then
    exec setpriv --reuid="${'$'}{ids%:*}" --regid="${'$'}{ids#*:}" --clear-groups -- "$@"
  fi
  if command -v chpst >/dev/null 2>&1; then exec chpst -u ":$ids" "$@"; fi
  if command -v python3 >/dev/null 2>&1; then
    exec python3 -c 'import os, sys; u, g = sys.argv[1].split(":"); os.setgroups([]); os.setgid(int(g)); os.setuid(int(u)); os.execv(sys.argv[2], sys.argv[2:])' "$ids" "$@"
  fi
  exec "$@"
}

throwaway_start() {
  throwaway_data=$1
  throwaway_name=$2
  shift 2
  throwaway_ids=$(owner_of "$throwaway_data")
  attempts=0
  while :; do
    throwaway_client=$(free_port) && throwaway_peer=$(free_port) || exit 85
    throwaway_url=http://127.0.0.1:$throwaway_client
    throwaway_launch "$@"
    throwaway_serves && return
    attempts=$((attempts + 1))
    if grep -q 'address already in use' "$mark.log" && [ "$attempts" -lt 5 ]; then continue; fi
    grep '^panic:' "$mark.log" | head -n 1 >&2
    tail -n 12 "$mark.log" | cut -c 1-400 >&2
    fail "a throw-away etcd on $throwaway_data did not come to serve"
  done
}

throwaway_launch() {
  # Settings of etcd in the environment would count beside the flags.
  for setting in $(env | sed -n 's/^\(ETCD_[A-Z0-9_]*\)=.*/\1/p'); do unset "$setting"; done
  (
    as_owner "$throwaway_ids" "$bin/etcd" --name "$throwaway_name" --data-dir "$throwaway_data" \
      --listen-client-urls "$throwaway_url" \
      --listen-peer-urls "http://127.0.0.1:$throwaway_peer" \
      --initial-advertise-peer-urls "http://127.0.0.1:$throwaway_peer" \
      --initial-cluster "$throwaway_name=http://127.0.0.1:$throwaway_peer" \
      --advertise-client-urls "${'$'}{throwaway_advertise:-$throwaway_url}" \
      --quota-backend-bytes 34359738368 --logger zap --log-outputs stderr "$@"
  ) </dev/null >"$mark.log" 2>&1 &
  throwaway_pid=$!
  printf '%s %s\n' "$throwaway_pid" "$(stamp "$throwaway_pid")" >"$mark"
  watch_time "$throwaway_pid" "$(stamp "$throwaway_pid")"
}

# Ends it when its time is up, even if this shell is no longer there.
watch_time() {
  (
    trap 'kill "$asleep" 2>/dev/null; exit' TERM
    sleep "$limit" &
    asleep=$!
    wait "$asleep"
    [ "$(stamp "$1")" != "$2" ] || kill -9 "$1"
  ) </dev/null >/dev/null 2>&1 &
  throwaway_watch=$!
}

throwaway_serves() {
  while :; do
    gone && { wait "$throwaway_pid" 2>/dev/null; throwaway_pid=; kill "$throwaway_watch" 2>/dev/null; return 1; }
    if ctl --command-timeout=2s get --limit=1 --keys-only quorate-throwaway >/dev/null 2>"$mark.said"; then rm -f "$mark.said"; return; fi
    # With access control on, being told so is an answer of the quorum.
    if grep -q -e 'user name is empty' -e 'permission denied' "$mark.said"; then rm -f "$mark.said"; return; fi
    nap
  done
}

throwaway_stop() {
  rm -f "$mark.said"
  [ -n "$throwaway_pid" ] || return 0
  kill -TERM "$throwaway_pid" 2>/dev/null
  waited=0
  while ! gone && [ "$waited" -lt 150 ]; do nap; waited=$((waited + 1)); done
  kill -KILL "$throwaway_pid" 2>/dev/null
  wait "$throwaway_pid" 2>/dev/null
  throwaway_pid=
  kill "$throwaway_watch" 2>/dev/null
  [ "$(id -u)" -ne 0 ] || [ ! -d "$throwaway_data" ] || chown -R "$throwaway_ids" "$throwaway_data"
  rm -f "$mark"
}
`

/**
 * Prints what a throw-away etcd says of its data: `state JSON`, `members JSON`, `count N` and `kvhash JSON`, as etcdctl
 * prints them.
 */
export const throwawayReport = String.raw`
throwaway_report() {
  told=$(ctl endpoint status -w json) || fail 'the throw-away etcd did not say how it stands'
  echo "state $told"
  told=$(ctl member list -w json) || fail 'the throw-away etcd did not list its members'
  echo "members $told"
  told=$(ctl get '' --from-key --count-only -w fields) || fail 'the throw-away etcd did not count its keys'
  echo "count $(printf '%s\n' "$told" | sed -n 's/^"Count" : //p')"
  told=$(ctl endpoint hashkv -w json) || fail 'the throw-away etcd did not hash its keys'
  echo "kvhash $told"
}
`
