/**
 * How etcd is started and stopped on a host of the lab: scripts as a plain user would have them, POSIX sh.
 * Each finds its host's directory by its own place, so they need no setting.
 */
export function hostScripts(): Readonly<Record<string, string>> {
  return {
    'etcd-start': script(
      'Starts etcd in the background; returns once it serves its peers, or says why it died.',
      start,
    ),
    'etcd-stop': script(
      'Stops etcd; returns once the process is gone. Kills it when it does not listen.',
      stop,
    ),
    'etcd-status': script('Exits 0 while etcd runs, 3 while it does not.', status),
    'etcd-enable': script('Takes back etcd-disable.', enable),
    'etcd-disable': script('Keeps etcd from being started: a fence.', disable),
  }
}

function script(purpose: string, body: string): string {
  return `#!/bin/sh\n# ${purpose}\n${common}\n${body}`
}

const common = String.raw`set -u
host=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 1
environment=$host/etc/etcd.env
marker=$host/etc/etcd.disabled
pid_file=$host/var/run/etcd.pid
lock=$host/var/run/etcd.lock
log=$host/var/log/etcd.log
program=$host/bin/etcd

nap() { sleep 0.1 2>/dev/null || sleep 1; }

# What a process was started with; nothing when it is gone or only waits to be buried, "?" while it becomes
# another program.
command_line() {
  kill -0 "$1" 2>/dev/null || return 0
  if [ -d /proc/self ]; then
    case $(cat "/proc/$1/stat" 2>/dev/null) in *') Z '* | '') return 0 ;; esac
    words=$(tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline")
  else
    case $(ps -o stat= -p "$1") in Z* | '') return 0 ;; esac
    words=$(ps -o args= -p "$1")
  fi
  [ -n "$words" ] || words='?'
  echo "$words"
}

# The process number of this host's etcd while it runs: a number on file may mean another program by now.
running() {
  pid=$(cat "$pid_file" 2>/dev/null) && [ -n "$pid" ] || return 1
  case $(command_line "$pid") in
    "$program" | "$program "*) echo "$pid" ;;
    *) return 1 ;;
  esac
}

# Start, stop and disable never work at the same time. The lock of a script that was killed is taken over.
take_lock() {
  waited=0
  until mkdir "$lock" 2>/dev/null; do
    holder=$(cat "$lock/pid" 2>/dev/null)
    if [ -n "$holder" ] && ! kill -0 "$holder" 2>/dev/null; then rm -rf "$lock"; continue; fi
    if [ -z "$holder" ] && [ "$waited" -ge 20 ]; then rm -rf "$lock"; continue; fi
    if [ "$waited" -ge 600 ]; then
      echo "another script (process $holder) has been working on etcd here for a minute" >&2
      exit 1
    fi
    waited=$((waited + 1))
    nap
  done
  trap 'rm -rf "$lock"' EXIT
  trap 'exit 1' HUP INT TERM
  echo "$$" >"$lock/pid"
}
`

const start = String.raw`take_lock
if [ -e "$marker" ]; then
  echo "etcd is disabled on this host ($(cat "$marker")): run etcd-enable first" >&2
  exit 4
fi
if pid=$(running); then
  echo "etcd runs already (process $pid)"
  exit 0
fi
if [ ! -r "$environment" ]; then
  echo "etcd has no configuration on this host: $environment is missing" >&2
  exit 6
fi
rm -f "$pid_file"
: >>"$log"
seen=$(wc -c <"$log")

set -a
. "$environment" || exit 6
set +a

# A session of its own: neither the end of this shell nor of an SSH connection may take etcd along.
detached() {
  if command -v setsid >/dev/null 2>&1; then exec setsid "$@"; fi
  if command -v perl >/dev/null 2>&1; then exec perl -MPOSIX -e 'POSIX::setsid(); exec @ARGV' "$@"; fi
  exec "$@"
}
detached sh -c 'trap "" HUP; echo "$$" >"$1.new"; mv "$1.new" "$1"; exec "$2"' etcd-start "$pid_file" "$program" \
  </dev/null >>"$log" 2>&1 &
launcher=$!

new_log() { tail -c "+$((seen + 1))" "$log"; }
died() {
  echo "$1; the end of $log:" >&2
  new_log | tail -n 5 | cut -c 1-400 >&2
  rm -f "$pid_file"
  exit 1
}
waited=0
while [ "$waited" -lt 300 ]; do
  pid=$(cat "$pid_file" 2>/dev/null) || pid=$launcher
  [ -n "$(command_line "$pid")" ] || [ -e "$pid_file.new" ] || died "etcd ended right after its start"
  if running >/dev/null && new_log | grep -q 'serving peer traffic'; then
    echo "etcd started (process $pid)"
    exit 0
  fi
  waited=$((waited + 1))
  nap
done
died "etcd runs (process $pid) but did not serve its peers within 30 s"
`

const stop = String.raw`take_lock
if ! pid=$(running); then
  rm -f "$pid_file"
  echo "etcd does not run"
  exit 0
fi
wait_until_gone() {
  waited=0
  while [ -n "$(command_line "$pid")" ]; do
    [ "$waited" -lt "$1" ] || return 1
    waited=$((waited + 1))
    nap
  done
}
kill -TERM "$pid" 2>/dev/null
if ! wait_until_gone 200; then
  echo "etcd (process $pid) did not end within 20 s of SIGTERM: killing it" >&2
  kill -KILL "$pid" 2>/dev/null
  wait_until_gone 50 || { echo "etcd (process $pid) does not even end when killed" >&2; exit 1; }
fi
rm -f "$pid_file"
echo "etcd stopped (process $pid)"
`

const status = String.raw`disabled=
[ ! -e "$marker" ] || disabled=", disabled"
if pid=$(running); then
  echo "etcd runs (process $pid)$disabled"
  exit 0
fi
echo "etcd does not run$disabled"
exit 3
`

const enable = String.raw`take_lock
rm -f "$marker"
echo "etcd is enabled"
`

const disable = String.raw`take_lock
if [ ! -e "$marker" ]; then
  echo "since $(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$marker.new" && mv "$marker.new" "$marker" || exit 1
fi
echo "etcd is disabled"
`
