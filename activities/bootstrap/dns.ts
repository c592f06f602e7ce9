import { randomInt } from 'node:crypto'
import { z } from 'zod'
import { type Cluster, type EtcdLayout } from '../../dsl/inventory.ts'
import { addressesSeenFrom } from '../after/resolve.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { ActionError } from '../failure.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { type SrvAnswer, srvAnswer, srvQuery } from './dns-message.ts'
import { judgeRecords, type RecordsSeen } from './judge-records.ts'

export const bootstrapDns = defineAction({
  name: 'etcd.bootstrap.dns',
  title: 'check that DNS names exactly the members',
  doc: "Asks, from every member's host and with the name servers that host uses, for the SRV records that etcd will ask for (_etcd-server-ssl._tcp or _etcd-server._tcp of the domain), and for the addresses of what they name. They must name exactly the members of the inventory, at the names and ports that it gives them: etcd takes the peer URLs of the new cluster from there. Changes nothing.",
  effect: 'read',
  subject: ['domain', 'cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster that is to be made'),
    domain: z.string().describe('The domain with the SRV records'),
    srvName: z.string().default('').describe("The records' suffix, as in --discovery-srv-name"),
  }),
  output: z.strictObject({
    ok: z.boolean().describe('Nothing stands in the way'),
    problems: z.array(z.string()).describe('What stands in the way, a sentence each'),
  }),
  example: { cluster: 'demo', domain: 'example.com' },
  run: async ({ cluster: name, domain, srvName }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const hosts = Object.values(cluster.members)
    const seen = await Promise.all(
      hosts.map((host) => recordsOn(context, cluster, host, { domain, srvName })),
    )
    const members = hosts.map((host) => ({ host, layout: layoutOn(cluster, host) }))
    const problems = seen.flatMap((each) => judgeRecords(members, each))
    return { ok: problems.length === 0, problems }
  },
})

interface Domain {
  readonly domain: string
  readonly srvName: string
}

async function recordsOn(
  context: ActionContext,
  cluster: Cluster,
  on: string,
  { domain, srvName }: Domain,
): Promise<RecordsSeen> {
  const host = context.host(on)
  const layouts = Object.values(cluster.members).map((member) => layoutOn(cluster, member))
  const scheme: EtcdLayout['scheme'] = layouts.some((layout) => layout.scheme === 'https') ? 'https' : 'http'
  const suffix = srvName === '' ? '' : `-${srvName}`
  const names = {
    https: `_etcd-server-ssl${suffix}._tcp.${domain}`,
    http: `_etcd-server${suffix}._tcp.${domain}`,
  }
  const [wanted, other] = scheme === 'https' ? [names.https, names.http] : [names.http, names.https]
  const [answer, stray] = await Promise.all([srvOn(host, wanted), srvOn(host, other)])
  const targets = answer.kind === 'records' ? answer.records.map(({ target }) => target) : []
  return { on, wanted, other, answer, stray, addresses: await addressesOf(host, targets) }
}

/** Left out: those that have none. */
async function addressesOf(host: RemoteHost, targets: readonly string[]) {
  const found = await Promise.all(
    targets.map(async (target) => {
      try {
        return [target, await addressesSeenFrom(host, [target])] as const
      } catch (error) {
        if (error instanceof ActionError) return undefined
        throw error
      }
    }),
  )
  return new Map(found.flatMap((each) => (each ? [each] : [])))
}

async function srvOn(host: RemoteHost, name: string): Promise<SrvAnswer> {
  const id = randomInt(0xffff)
  const argv = ['sh', '-c', askScript, 'sh', srvQuery(name, id)]
  const { code, stdout, stderr } = await host.exec({ reads: true, argv })
  if (code !== 0) return { kind: 'failed', why: stderr.trim() || `no name server answered ${host.name}` }
  return srvAnswer(stdout.replace(/\s+/g, ''), id)
}

/**
 * Sends a query in hex to the name servers of the host, one after the other, with whatever the host has, and
 * prints the answer in hex.
 */
const askScript = String.raw`
# bash ends a line where it sees one, and a datagram with it: dd gathers what belongs together.
ask() {
  if command -v bash >/dev/null 2>&1; then
    timeout 5 bash -c 'exec 3<>"/dev/udp/$0/53" && printf "$1" | dd ibs=1 obs=65535 >&3 2>/dev/null && dd bs=65535 count=1 <&3 2>/dev/null | od -An -v -tx1' \
      "$1" "$(printf %s "$2" | sed 's/../\\x&/g')"
  elif command -v python3 >/dev/null 2>&1; then
    python3 -c 'import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM); s.settimeout(5)
s.sendto(bytes.fromhex(sys.argv[2]), (sys.argv[1], 53)); print(s.recv(65535).hex())' "$1" "$2"
  elif command -v perl >/dev/null 2>&1; then
    perl -MIO::Socket::IP -e 'my $s = IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => 53, Proto => "udp") or exit 1;
alarm 5; $s->send(pack "H*", $ARGV[1]); $s->recv(my $b, 65535); print unpack "H*", $b' "$1" "$2"
  else return 77; fi
}
servers=$(sed -n 's/^[[:space:]]*nameserver[[:space:]]\{1,\}\([^[:space:]]*\).*/\1/p' /etc/resolv.conf 2>/dev/null)
[ -n "$servers" ] || servers=127.0.0.1
for server in $servers; do
  answer=$(ask "$server" "$1" 2>/dev/null)
  [ $? -ne 77 ] || { echo 'there is nothing to send a datagram with: install bash, python3 or perl' >&2; exit 77; }
  [ -z "$answer" ] || { printf '%s\n' "$answer"; exit 0; }
done
echo "no name server answers (/etc/resolv.conf names" $servers")" >&2
exit 1
`
