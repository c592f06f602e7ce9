import { z } from 'zod'
import type { Cluster, EtcdLayout } from '../../dsl/inventory.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { ActionError, InputError, UnknownOutcomeError } from '../failure.ts'
import { portsSeenFrom } from '../host/ports.ts'
import { clusterNamed, hostOfMember, layoutOn } from '../inventory/look-up.ts'
import { type ServiceFacts, serviceFacts, whyNotStopped } from '../service/proof.ts'
import { EtcdError } from './errors.ts'

export const memberDown = defineAction({
  name: 'etcd.member.down',
  title: 'see whether a member is really down',
  doc: 'Finds out whether a member is down, or only unreachable from the worker: asks it itself, tries its ports from the host of every other member, and looks at process, ports and service on its own host over SSH. A host that answers SSH can be fenced; one that does not may still run its etcd.',
  effect: 'read',
  subject: ['member', 'cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    member: z.string().describe('The member'),
  }),
  output: z.strictObject({
    host: z.string().describe('The host it is on'),
    down: z.boolean().describe('Nobody reaches it, and where its host answers, nothing runs there'),
    why: z.string().describe('What was seen, as sentences'),
    answers: z.boolean().describe('Its own endpoint answers the worker'),
    sshReachable: z.boolean().describe('Its host answers SSH, so that it can be fenced'),
    running: z
      .boolean()
      .describe('Its host says that etcd, or something on its ports, runs; false when it does not answer'),
    reachedFrom: z.array(z.string()).describe('Hosts of other members that reach its client or peer port'),
  }),
  example: { cluster: 'demo', member: 'etcd-2' },
  timeoutMs: 120_000,
  run: async ({ cluster: name, member }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const host = hostOfMember(cluster, member)
    const [answers, own, reachedFrom] = await Promise.all([
      answersItself(context, name, host),
      lookOnHost(context, host, layoutOn(cluster, host)),
      reachedBy(context, cluster, host),
    ])
    return { host, ...judgeDown({ member, host, answers, own, reachedFrom }) }
  },
})

/** What a member's own host says, or why it does not. */
export type OwnHost =
  | { readonly kind: 'answers'; readonly facts: ServiceFacts }
  | { readonly kind: 'silent'; readonly why: string }

export interface DownFacts {
  readonly member: string
  readonly host: string
  readonly answers: boolean
  readonly own: OwnHost
  readonly reachedFrom: readonly string[]
}

/** Pure. */
export function judgeDown({ member, host, answers, own, reachedFrom }: DownFacts) {
  const signs = own.kind === 'answers' ? whyNotStopped(own.facts) : ''
  const why = [
    answers ? `${member} answers the worker.` : `${member} does not answer the worker.`,
    reachedFrom.length > 0 &&
      `${reachedFrom.join(', ')} ${reachedFrom.length > 1 ? 'reach' : 'reaches'} its ports.`,
    own.kind === 'silent' && `${host} does not answer SSH: ${own.why.replace(/\.$/, '')}.`,
    signs !== '' && `On ${host}, ${signs}.`,
    own.kind === 'answers' && signs === '' && `On ${host} nothing of etcd runs.${startable(own.facts)}`,
  ]
  return {
    down: !answers && reachedFrom.length === 0 && signs === '',
    why: why.filter((sentence) => sentence !== false).join(' '),
    answers,
    sshReachable: own.kind === 'answers',
    running: signs !== '',
    reachedFrom: [...reachedFrom],
  }
}

function startable({ dataDir }: ServiceFacts): string {
  return dataDir === 'closed' ? ' Its data directory is there: to start it again may be all it needs.' : ''
}

/** Asked a few times: one lost packet is no death. */
async function answersItself(context: ActionContext, cluster: string, host: string): Promise<boolean> {
  const endpoint = context.cluster(cluster).endpoint(host)
  for (let asked = 0; asked < 3; asked++) {
    try {
      await endpoint.status({ signal: context.signal })
      return true
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error
    }
  }
  return false
}

async function lookOnHost(context: ActionContext, host: string, layout: EtcdLayout): Promise<OwnHost> {
  try {
    return { kind: 'answers', facts: await serviceFacts(context.host(host), layout) }
  } catch (error) {
    return { kind: 'silent', why: unreachable(error) }
  }
}

/** From the hosts of all other members; one that cannot be asked says nothing. */
async function reachedBy(context: ActionContext, cluster: Cluster, host: string): Promise<readonly string[]> {
  const { address, clientPort, peerPort } = layoutOn(cluster, host)
  const ports = [clientPort, peerPort].map((port) => ({ address, port }))
  const others = Object.values(cluster.members).filter((other) => other !== host)
  const seen = await Promise.all(
    others.map(async (other) => {
      try {
        return (await portsSeenFrom(context.host(other), ports)).includes('open')
      } catch (error) {
        unreachable(error)
        return false
      }
    }),
  )
  return others.filter((_, index) => seen[index])
}

function unreachable(error: unknown): string {
  const expected = [ActionError, InputError, UnknownOutcomeError].some((kind) => error instanceof kind)
  if (expected && error instanceof Error) return error.message
  throw error
}
