import { portState } from '../host/ports.ts'

/**
 * Runs a stop command and waits until both ports are closed; so the job's success means that etcd is out of
 * the way. Arguments: address, client port, peer port, then the command.
 */
export const stopScript = `${portState}
address=$1; client=$2; peer=$3; shift 3
"$@" || exit $?
waited=0
while [ "$(port_state "$address" "$client")" = open ] || [ "$(port_state "$address" "$peer")" = open ]; do
  [ "$waited" -lt 150 ] || { echo "30 s after it was stopped, something still listens on $client or $peer of $address" >&2; exit 90; }
  waited=$((waited + 1))
  sleep 0.2 2>/dev/null || sleep 1
done
`

/**
 * Runs a start command and, a moment later, the status command; so the job's success means that etcd did not
 * die at once. Arguments: how many words the start command has, the start command, the status command.
 */
export const startScript = String.raw`
first() (
  n=$1; shift
  rest=$(($# - n))
  i=0
  while [ "$i" -lt "$n" ]; do word=$1; shift; set -- "$@" "$word"; i=$((i + 1)); done
  shift "$rest"
  "$@"
)
second() ( n=$1; shift; shift "$n"; "$@" )
first "$@" || exit $?
sleep 1
second "$@" >/dev/null 2>&1 || { echo "etcd was started and did not run a second later (status ended with $?)" >&2; exit 91; }
`
