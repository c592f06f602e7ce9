import { z } from 'zod'
import { ActionError } from '../failure.ts'
import { portState } from '../host/ports.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'

/** An API server that runs on a host. */
export interface ApiServer {
  readonly pid: string
  /** The value of its --etcd-servers. */
  readonly servers: string
  /** Its --secure-port. */
  readonly port: string
  /** It takes connections on its secure port. */
  readonly answers: boolean
}

/** The API servers on a host, told by their --etcd-servers; in containers as well, whose processes the host sees. */
export async function apiServersOn(host: RemoteHost): Promise<readonly ApiServer[]> {
  const { code, stdout, stderr } = await host.exec({
    reads: true,
    argv: ['sh', '-c', script],
    privileged: true,
  })
  if (code !== 0)
    throw new ActionError(`The processes of ${host.name} could not be looked at: ${stderr.trim()}.`)
  return stdout.split('\n').filter(Boolean).map(parseLine)
}

const line = z.tuple([z.string(), z.string(), z.string(), z.enum(['open', 'closed', 'unknown'])])

function parseLine(text: string): ApiServer {
  const [pid, servers, port, state] = line.parse(text.split('\t'))
  return { pid, servers, port, answers: state !== 'closed' }
}

/**
 * Flags stand as one word or as two. Where the host has curl, a server that takes connections but is not ready
 * (it answers 500) does not count; one that lets nobody ask without a name (401, 403) does.
 */
const script = `${portState}
ready() {
  command -v curl >/dev/null 2>&1 || { port_state "$1" "$2"; return; }
  case $1 in *:*) at="[$1]:$2" ;; *) at="$1:$2" ;; esac
  case $(curl -sk -o /dev/null -w '%{http_code}' --max-time 3 "https://$at/readyz" 2>/dev/null) in
    5*) echo closed ;;
    *) port_state "$1" "$2" ;;
  esac
}
grep -la kube-apiserver /proc/[0-9]*/cmdline 2>/dev/null | while read -r file; do
  pid=\${file#/proc/}; pid=\${pid%/cmdline}
  words=$(tr '\\000' '\\n' 2>/dev/null <"$file")
  valued() { echo "$words" | sed -n "s/^--$1=//p; /^--$1\\$/{n;p;}" | tail -n 1; }
  servers=$(valued etcd-servers)
  [ -n "$servers" ] || continue
  port=$(valued secure-port); port=\${port:-6443}; address=$(valued bind-address)
  case $address in '' | 0.0.0.0 | ::) address=127.0.0.1 ;; esac
  printf '%s\\t%s\\t%s\\t%s\\n' "$pid" "$servers" "$port" "$(ready "$address" "$port")"
done
`
