import { z } from 'zod'
import { type ActionContext, defineAction } from '../action.ts'
import { leaderLast } from '../binary/upgrade-check.ts'
import { readSettings } from '../etcd/config-file.ts'
import { inspectCluster } from '../etcd/inspect.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import { certificateCheck } from './check.ts'
import { type PlainMember, tlsPlan } from './tls-plan.ts'

const settings = z.record(z.string(), z.string())
const member = z.strictObject({
  name: z.string().describe('The member'),
  host: z.string().describe('Its host'),
  id: z.string().describe('Its member ID, lower-case hex'),
  trust: settings.describe('Settings that give it certificates, while its peers still speak in plain'),
  peers: settings.describe('Settings by which its peers speak TLS with it'),
  peersBack: settings.describe('Settings that take `peers` back'),
  clients: settings.describe('Settings by which its clients speak TLS only'),
  clientsBack: settings.describe('Settings that take `clients` back'),
})

export const tlsCheck = defineAction({
  name: 'etcd.tls.check',
  title: 'check that a plain cluster can come to speak TLS',
  doc: 'Works out, for each member, the settings of every round by which a plain cluster comes to speak TLS with the quorum kept, and which rounds are still to be done. Holds the certificates against each other and against what Quorate itself shows and trusts. Changes nothing.',
  effect: 'read',
  subject: ['cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    certificates: z
      .string()
      .default('')
      .describe(
        'Directory on the worker\'s machine with a directory of files a host; "" when they lie on the hosts',
      ),
    files: z.string().default('/etc/etcd/pki').describe('Directory on the hosts that they belong into'),
    plainClients: z.boolean().default(true).describe('Whether clients may go on speaking in plain'),
  }),
  output: z.strictObject({
    problems: z.array(z.string()).describe('What stands in the way, a sentence each'),
    warnings: z.array(z.string()).describe('What a person should know before saying yes'),
    trust: z.boolean().describe('Members still have to get their certificates'),
    peers: z.boolean().describe('Peers still have to change over'),
    clients: z.boolean().describe('Plain connections of clients are still to be shut out'),
    order: z.array(member).describe('All members in the order to go in: the leader last'),
  }),
  example: { cluster: 'demo', certificates: '/secure/pki' },
  timeoutMs: 120_000,
  run: async ({ cluster: name, certificates, files, plainClients }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const seen = await inspectCluster(cluster, context.cluster(name), { hash: false, signal: context.signal })
    const members = await Promise.all(
      Object.entries(cluster.members).map(([each, host]) =>
        plainMember(context, name, each, host, seen.byName[each]?.peerUrls ?? []),
      ),
    )
    const { needs, byName } = tlsPlan(members, files, plainClients)
    const tls =
      needs.trust && certificates !== ''
        ? await certificateCheck(context, cluster, certificates, (host) => {
            const found = members.find((each) => each.host === host)
            return byName[found?.name ?? '']?.trust ?? {}
          })
        : { problems: [], warnings: [] }
    const order = leaderLast(seen).flatMap(({ name: each, host, id }) => {
      const steps = byName[each]
      return steps ? [{ name: each, host, id, ...steps }] : []
    })
    return {
      problems: [
        ...(cluster.tls?.cert === undefined
          ? [
              `Quorate has no certificate to show to ${name}: give the cluster \`tls\` with ca, cert and key in the inventory first.`,
            ]
          : []),
        ...tls.problems,
      ],
      warnings: [...tls.warnings],
      ...needs,
      order: order.map((each) => ({
        ...each,
        ...{ trust: { ...each.trust }, peers: { ...each.peers }, peersBack: { ...each.peersBack } },
        ...{ clients: { ...each.clients }, clientsBack: { ...each.clientsBack } },
      })),
    }
  },
})

async function plainMember(
  context: ActionContext,
  cluster: string,
  name: string,
  host: string,
  peerUrls: readonly string[],
): Promise<PlainMember> {
  const layout = layoutOn(clusterNamed(context.inventory, cluster), host)
  const settings = (await readSettings(context.host(host), layout)) ?? new Map<string, string>()
  return { name, host, layout, settings, peerUrls }
}
