import { z } from 'zod'
import { memberStarted } from '../../dsl/cluster-model.ts'
import { type Cluster, type EtcdLayout, peerUrl } from '../../dsl/inventory.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { dataDirectories, type DataDirectory } from '../dir/data-directories.ts'
import type { EtcdMember, Membership } from '../etcd/answers.ts'
import { membershipNow, nameOrId, voicesBut } from '../etcd/member-change.ts'
import { ActionError, RefusedError, UnknownOutcomeError } from '../failure.ts'
import { jobKey } from '../host/job-key.ts'
import { layoutOn } from '../inventory/look-up.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { serviceManager } from './manager.ts'
import { refuseSecondInstance } from './never-on-both.ts'
import { withRecentLog } from './recent-log.ts'

export const serviceJoin = defineAction({
  name: 'service.join',
  title: 'start a new member',
  doc: 'Starts etcd on a host without data, so that it joins its cluster as the member that was added for it. Refuses unless the membership has a member with exactly this peer URL that has never started, and nothing lies where its data will: a member that starts without the data it once had would come back with less than it acknowledged. The data directory is made with the owner it has on other hosts. One that has begun to join is just started again.',
  effect: 'change',
  subject: ['member', 'host'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    member: z.string().describe('The name it will have'),
    host: z.string().describe('The host to start it on'),
  }),
  output: z.strictObject({
    state: z.string().describe('Always "running"'),
    memberId: z.string().describe('ID of the member, lower-case hex'),
    clusterId: z.string().describe('ID of the cluster, lower-case hex'),
  }),
  example: { cluster: 'demo', member: 'etcd-4', host: 'host-4' },
  timeoutMs: 180_000,
  foresees: ({ host }, model) => memberStarted(model, host),
  run: async ({ cluster: name, member, host: at }, context) => {
    const voices = voicesBut(context, name, member)
    const { cluster } = voices
    const layout = layoutOn(cluster, at)
    const host = context.host(at)
    const [membership, { inPlace }] = await Promise.all([
      membershipNow(voices),
      dataDirectories(host, layout.dataDir),
    ])
    const verdict = judgeJoin({ host: at, layout, membership, member, ...(inPlace && { inPlace }) })
    if (verdict.kind === 'refused')
      throw new RefusedError(`${member} was not started on ${at}: ${verdict.why}`)
    if (verdict.kind === 'again') await refuseSecondInstance(context, { cluster: name, host: at })
    const owner = verdict.kind === 'join' ? await ownerElsewhere(cluster, at, context) : ''
    await start(context, host, layout, owner)
    return { state: 'running', memberId: verdict.entry.id, clusterId: membership.clusterId }
  },
})

export interface JoinFacts {
  readonly host: string
  readonly layout: EtcdLayout
  readonly member: string
  readonly membership: Membership
  readonly inPlace?: DataDirectory
}

export type JoinVerdict =
  | { readonly kind: 'join'; readonly entry: EtcdMember }
  /** It has begun already: its own data lies there. */
  | { readonly kind: 'again'; readonly entry: EtcdMember }
  | { readonly kind: 'refused'; readonly why: string }

/** Whether a member may start there without data. Pure. */
export function judgeJoin({ host, layout, member, membership, inPlace }: JoinFacts): JoinVerdict {
  const url = peerUrl(layout)
  const entry = membership.members.find(({ peerUrls }) => peerUrls.length === 1 && peerUrls[0] === url)
  const refused = (why: string): JoinVerdict => ({ kind: 'refused', why })
  if (!entry) {
    const known = membership.members.map((other) => `${nameOrId(other)} at ${other.peerUrls.join(', ')}`)
    return refused(`the membership has no member at ${url}: it has ${known.join('; ')}. Add it first.`)
  }
  if (entry.name !== '' && entry.name !== member)
    return refused(`${url} is the peer URL of ${entry.name}, not of ${member}.`)
  const { identity } = inPlace ?? {}
  if (identity?.memberId === entry.id && identity.clusterId === membership.clusterId)
    return { kind: 'again', entry }
  if (identity) {
    const known = membership.members.some(({ id }) => id === identity.memberId)
    const whose = known ? 'another member' : 'a member that was removed, or of another cluster'
    return refused(
      `${layout.dataDir} on ${host} holds the data of member ${identity.memberId}, ${whose}. Set it aside first.`,
    )
  }
  if (inPlace && !inPlace.empty)
    return refused(
      `${layout.dataDir} on ${host} is not empty, and whose it is cannot be told. Set it aside first.`,
    )
  if (entry.name === '') return { kind: 'join', entry }
  return refused(
    `${member} (${entry.id}) has run before, and its data is not there. It would come back with less than it acknowledged: remove it and add it anew.`,
  )
}

/** Whom the data directory belongs to where a member runs; "" where it cannot be told. Names, because numbers differ. */
async function ownerElsewhere(cluster: Cluster, but: string, context: ActionContext): Promise<string> {
  const hosts = Object.values(cluster.members).filter((host) => host !== but)
  const told = await Promise.all(
    hosts.map(async (name) => {
      try {
        const argv = ['sh', '-c', ownerScript, 'owner', layoutOn(cluster, name).dataDir]
        const { code, stdout } = await context.host(name).exec({ reads: true, argv, privileged: true })
        return code === 0 ? stdout.trim() : ''
      } catch (error) {
        if (error instanceof ActionError || error instanceof UnknownOutcomeError) return ''
        throw error
      }
    }),
  )
  return told.find((owner) => owner !== '') ?? ''
}

const ownerScript = 'ls -ld -- "$1" | { read -r _ _ user group _; echo "$user:$group"; }'

async function start(
  context: ActionContext,
  host: RemoteHost,
  layout: EtcdLayout,
  owner: string,
): Promise<void> {
  const words = [layout.dataDir, owner, ...serviceManager(layout.service).start]
  try {
    await host.job(
      jobKey(context),
      { argv: ['sh', '-c', joinScript, 'join', ...words] },
      { signal: context.signal },
    )
  } catch (error) {
    throw await withRecentLog(error, host, layout.service)
  }
}

/** Makes the data directory, if there is none, and starts. Arguments: data directory, its owner ("" to leave it), the start command. */
const joinScript = String.raw`
data=$1; owner=$2; shift 2
if [ ! -e "$data" ]; then
  for old in "$data".quorate-*; do
    [ ! -d "$old" ] || owner=$(ls -ldn "$old" | { read -r _ _ user group _; echo "$user:$group"; })
  done
  mkdir -p -m 0700 "$data" || exit 1
  if [ -n "$owner" ] && [ "$(id -u)" -eq 0 ]; then chown "$owner" "$data" || { rmdir "$data"; exit 1; }; fi
fi
"$@"
`
