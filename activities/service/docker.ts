import type { DockerService } from '../../dsl/inventory.ts'
import type { ServiceManager } from './manager.ts'

/**
 * etcd in a container that exists already. Docker has no way to forbid a start, so the fence takes the
 * container's name away, beside its restart policy: who starts it by name is told that it is not there.
 */
export function docker({ container }: DockerService): ServiceManager {
  const run = (text: string) => ['sh', '-c', `${common}${text}`, 'docker', container]
  return {
    start: run(startScript),
    stop: run('docker stop --time 60 "$(actual)" >/dev/null'),
    status: run(statusScript),
    enable: run(enableScript),
    disable: run(disableScript),
    fenced: run('[ "$(actual)" = "$fenced" ] && exit 0; exit 3'),
    log: run('docker logs --since 3m --tail 200 "$(actual)" 2>&1'),
  }
}

const common = String.raw`
name=$1
fenced=$1.quorate-fenced
fail() { echo "$1" >&2; exit 91; }
field() { docker inspect --type container --format "$2" "$1" 2>/dev/null; }
# The name it has now; its own where there is none of either name, so that docker says so itself.
actual() { if ! field "$name" . >/dev/null && field "$fenced" . >/dev/null; then echo "$fenced"; else echo "$name"; fi; }
`

/** Between two restarts a container that dies again and again is running as well: one that was restarted is looked at twice. */
const statusScript = String.raw`
state=$(docker inspect --type container --format '{{.State.Status}}' "$(actual)") || exit 1
echo "$state"
instance() { field "$(actual)" '{{.RestartCount}} {{.State.Pid}}'; }
case $state in
  running)
    seen=$(instance)
    case $seen in '0 '*) exit 0 ;; esac
    sleep 2
    [ "$(instance)" = "$seen" ] || exit 5 ;;
  paused | removing) exit 0 ;;
  restarting) exit 5 ;;
  created | exited | dead) exit 3 ;;
  *) exit 1 ;;
esac
`

const startScript = String.raw`
[ "$(actual)" != "$fenced" ] || fail "etcd is fenced on this host: the container is called $fenced"
before=0
case $(field "$name" '{{.State.Status}}') in
  running) before=$(field "$name" '{{.RestartCount}}') ;;
  # It may be dying again and again since before: that restart must not be taken for one of what starts now.
  restarting) docker stop --time 60 "$name" >/dev/null || exit 1 ;;
esac
docker start "$name" >/dev/null || exit 1
steady=0
while [ "$steady" -lt 6 ]; do
  sleep 0.2 2>/dev/null || sleep 1
  case $(field "$name" '{{.State.Status}} {{.RestartCount}}') in
    "running $before") steady=$((steady + 1)) ;;
    running*) fail "etcd was started and died: docker starts it again and again" ;;
    *) fail "etcd was started and does not run: $(field "$name" '{{.State.Status}}, exit code {{.State.ExitCode}} {{.State.Error}}')" ;;
  esac
done
exit 0
`

/** A container that is never restarted would stay down after a reboot. */
const enableScript = String.raw`
[ "$(actual)" != "$fenced" ] || docker rename "$fenced" "$name" || exit 1
[ "$(field "$name" '{{.HostConfig.RestartPolicy.Name}}')" != no ] || docker update --restart=unless-stopped "$name" >/dev/null
`

const disableScript = String.raw`
docker update --restart=no "$(actual)" >/dev/null || exit 1
[ "$(actual)" = "$fenced" ] || docker rename "$name" "$fenced"
`
