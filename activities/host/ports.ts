import { ActionError } from '../failure.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'

export type PortState = 'open' | 'closed' | 'unknown'

export interface Port {
  readonly address: string
  readonly port: number
}

/** Whether something takes connections, tried from that host; `unknown` where the host has nothing to try it with. */
export async function portsSeenFrom(host: RemoteHost, ports: readonly Port[]): Promise<readonly PortState[]> {
  const tries = ports.map(({ address, port }) => `${address} ${port}\n`).join('')
  const { code, stdout, stderr } = await host.exec({ reads: true, argv: ['sh', '-c', script], stdin: tries })
  const states = stdout.trim().split('\n')
  if (code !== 0 || states.length !== ports.length) {
    throw new ActionError(
      `The ports could not be tried from ${host.name}: ${stderr.trim() || `exit code ${code}`}.`,
    )
  }
  return states.map((state) => (state === 'open' || state === 'closed' ? state : 'unknown'))
}

/**
 * `port_state ADDRESS PORT` prints `open`, `closed` or `unknown`, with whatever the host has: POSIX sh cannot
 * connect by itself. A port nobody answers for within 3 s counts as closed.
 */
export const portState = String.raw`
bounded() { if command -v timeout >/dev/null 2>&1; then timeout 3 "$@"; else "$@"; fi </dev/null >/dev/null 2>&1; }
connects() {
  if command -v bash >/dev/null 2>&1; then bounded bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2"
  elif command -v nc >/dev/null 2>&1; then bounded nc -z -w 3 "$1" "$2"
  elif command -v python3 >/dev/null 2>&1; then
    bounded python3 -c 'import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)' "$1" "$2"
  elif command -v perl >/dev/null 2>&1; then
    bounded perl -MIO::Socket::IP -e 'exit(IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => $ARGV[1], Timeout => 3) ? 0 : 1)' "$1" "$2"
  else return 77; fi
}
port_state() {
  connects "$1" "$2"
  case $? in 0) echo open ;; 77) echo unknown ;; *) echo closed ;; esac
}
`

const script = `${portState}
while read -r address port; do port_state "$address" "$port"; done
`
