import { type Cluster, type EtcdLayout } from '../../dsl/inventory.ts'
import type { ActionContext } from '../action.ts'
import { certificateExpiries } from '../etcd/certificates.ts'
import { readSettings } from '../etcd/config-file.ts'
import { ActionError, InputError, RefusedError, UnknownOutcomeError } from '../failure.ts'
import { clockOffset, hostFacts } from '../host/facts.ts'
import { portsSeenFrom } from '../host/ports.ts'
import { layoutOn } from '../inventory/look-up.ts'
import { isFenced, serviceState } from '../service/manager.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { diskOf } from './disk.ts'
import type { CertificateSeen, HostSeen, Way } from './survey-view.ts'

export interface HostSurvey {
  readonly seen: HostSeen
  readonly ways: readonly Way[]
  /** What could not be learnt, a sentence each. */
  readonly unknown: readonly string[]
}

/** Looks at one host. Never throws for what the host says or does not say. */
export async function surveyHost(
  context: ActionContext,
  cluster: Cluster,
  name: string,
): Promise<HostSurvey> {
  const blank = blankHost(cluster, name)
  const host = context.host(name)
  const unknown: string[] = []
  const reached = await settle(() => host.exec({ reads: true, argv: ['true'], timeoutMs: 15_000 }))
  if (reached.kind === 'not') return { seen: { ...blank, why: reached.why }, ways: [], unknown }
  const layout = layoutOn(cluster, name)
  const learn = async <Part extends object>(
    what: string,
    ask: () => Promise<Part>,
  ): Promise<Part | undefined> => {
    const answer = await settle(ask)
    if (answer.kind === 'said') return answer.value
    unknown.push(`${what} of ${name}: ${answer.why}`)
    return undefined
  }
  const parts = [
    learn('The service', () => serviceOf(host, layout)),
    learn('The version', async () => ({ version: (await hostFacts(host, layout)).etcd ?? '' })),
    learn('The disk', () => diskSeen(host, layout)),
    learn('The clock', () => clockSeen(host)),
    learn('The certificates', () => certificatesOf(host, layout)),
  ]
  const [ways, ...learnt] = await Promise.all([learn('The network', () => waysFrom(host, cluster)), ...parts])
  return { seen: Object.assign({ ...blank, reachable: true }, ...learnt), ways: ways ?? [], unknown }
}

/** Nothing is known of it yet. */
export function blankHost({ members }: Pick<Cluster, 'members'>, host: string): HostSeen {
  const member = Object.entries(members).find(([, on]) => on === host)?.[0] ?? ''
  return {
    ...{ host, member, reachable: false, why: '', service: 'unknown', fenced: false, version: '' },
    ...{ freeBytes: -1, diskBytes: -1, clockOffsetMs: 0, clockWithinMs: -1, certificates: [] },
  }
}

type Settled<Value> =
  { readonly kind: 'said'; readonly value: Value } | { readonly kind: 'not'; readonly why: string }

/** What a host does not answer is an answer too; anything else is a mistake of ours, and thrown. */
async function settle<Value>(ask: () => Promise<Value>): Promise<Settled<Value>> {
  try {
    return { kind: 'said', value: await ask() }
  } catch (error) {
    const expected = [ActionError, InputError, RefusedError, UnknownOutcomeError].some(
      (kind) => error instanceof kind,
    )
    if (expected && error instanceof Error) return { kind: 'not', why: error.message }
    throw error
  }
}

async function serviceOf(host: RemoteHost, { service }: EtcdLayout) {
  return { service: await serviceState(host, service), fenced: (await isFenced(host, service)) === true }
}

async function diskSeen(host: RemoteHost, { dataDir }: EtcdLayout) {
  const { freeBytes, totalBytes } = await diskOf(host, dataDir)
  return { freeBytes, diskBytes: totalBytes }
}

async function clockSeen(host: RemoteHost) {
  const { ms, withinMs } = await clockOffset(host)
  return { clockOffsetMs: ms, clockWithinMs: Math.ceil(withinMs) }
}

async function certificatesOf(host: RemoteHost, layout: EtcdLayout) {
  const settings = await readSettings(host, layout)
  const ends = settings === undefined ? [] : await certificateExpiries(host, layout, settings)
  return { certificates: ends.map(({ path, endMs }) => certificateSeen(path, endMs)) }
}

export function certificateSeen(path: string, endMs: number): CertificateSeen {
  const days = Math.floor((endMs - Date.now()) / 86_400_000)
  return { path, endsAt: new Date(endMs).toISOString(), days }
}

/** The own port as well: where that alone is open, a firewall stands before it. */
async function waysFrom(host: RemoteHost, cluster: Cluster): Promise<readonly Way[]> {
  const targets = [...new Set(Object.values(cluster.members))]
  const ports = targets.map((to) => {
    const { address, peerPort } = layoutOn(cluster, to)
    return { address, port: peerPort }
  })
  const states = await portsSeenFrom(host, ports)
  return targets.map((to, at) => ({ from: host.name, to, state: states[at] ?? 'unknown' }))
}
