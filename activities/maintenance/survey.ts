import { setTimeout as sleep } from 'node:timers/promises'
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import type { Cluster } from '../../dsl/inventory.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { assess } from '../etcd/assess.ts'
import { judgeHashes } from '../etcd/compare-hashes.ts'
import { inspectCluster } from '../etcd/inspect.ts'
import type { Inspection } from '../etcd/inspection.ts'
import { hostsOf } from '../etcd/pool.ts'
import { InputError } from '../failure.ts'
import { expiryOf } from '../host/judge-certificate.ts'
import { clusterNamed } from '../inventory/look-up.ts'
import { worthDefragmenting } from './fragmentation.ts'
import { quotaBytesOf } from './quota.ts'
import { adviceFor } from './survey-advice.ts'
import { certificateSeen, surveyHost } from './survey-host.ts'
import { hostLines, memberLines, networkLines, summaryOf } from './survey-report.ts'
import { type CertificateSeen, type DatabaseSeen, surveyed } from './survey-view.ts'

export const survey = defineAction({
  name: 'etcd.survey',
  title: 'look at every member and every host',
  doc: 'Looks at a cluster for a person: every member as etcd.inspect does, and every host of the inventory over SSH: whether it can be reached, the service, the disk, the clock, how long the certificates are good, the version that is installed, and whose peer port it reaches. Says what should be done about it, and by which runbook. Members and hosts may be down, the quorum lost: what cannot be learnt is said. Changes nothing.',
  effect: 'read',
  subject: ['cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster to look at'),
    hash: z
      .boolean()
      .default(true)
      .describe('Compare the keys of all members too, which reads the whole store of each'),
  }),
  output: surveyed,
  example: { cluster: 'demo' },
  timeoutMs: 5 * 60_000,
  run: async ({ cluster: name, hash }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const [members, hosts, own] = await Promise.all([
      lookAtMembers(context, cluster, hash),
      Promise.all(hostsOf(cluster).map((host) => surveyHost(context, cluster, host))),
      ownCertificates(cluster),
    ])
    const found = {
      ...{ cluster: name, etcd: members.etcd, databases: members.databases },
      ...{ hosts: hosts.map(({ seen }) => seen), ways: hosts.flatMap(({ ways }) => [...ways]) },
      certificates: own.certificates,
    }
    const advice = adviceFor(found)
    return {
      ...{ summary: summaryOf(found), advice: advice.map(({ text }) => text) },
      runbooks: [...new Set(advice.map(({ runbook }) => runbook).filter(Boolean))],
      unknown: [...members.unknown, ...own.unknown, ...hosts.flatMap(({ unknown }) => [...unknown])],
      ...{ memberLines: memberLines(found), hostLines: hostLines(found), networkLines: networkLines(found) },
      ...found,
    }
  },
})

interface MembersSeen {
  readonly etcd: Inspection
  readonly databases: DatabaseSeen[]
  readonly unknown: readonly string[]
}

async function lookAtMembers(context: ActionContext, cluster: Cluster, hash: boolean): Promise<MembersSeen> {
  try {
    const etcd = await ledLook(context, cluster, hash)
    return { etcd, databases: await databasesOf(context, cluster, etcd), unknown: [] }
  } catch (error) {
    // Without files or a password that can be used no member can be asked; the hosts can.
    if (!(error instanceof InputError)) throw error
    const seats = Object.entries(cluster.members).map(([member, host]) => ({
      ...{ member, host, url: '', linearizable: false, reads: false },
    }))
    const etcd = assess({ cluster, at: {}, seats, hashes: judgeHashes(0, []), maxLag: 0 })
    return { etcd, databases: [], unknown: [`No member could be asked: ${error.message}`] }
  }
}

/** An election is waited out for a moment: it is no lost quorum. */
async function ledLook(context: ActionContext, cluster: Cluster, hash: boolean): Promise<Inspection> {
  const look = () =>
    inspectCluster(cluster, context.cluster(cluster.name), {
      ...{ hash, tolerate: ['NOSPACE' as const], signal: context.signal },
    })
  let seen = await look()
  for (let again = 0; seen.leader === '' && again < 3; again++) {
    await sleep(1000, undefined, { signal: context.signal })
    seen = await look()
  }
  return seen
}

function databasesOf(context: ActionContext, cluster: Cluster, etcd: Inspection): Promise<DatabaseSeen[]> {
  const noSpace = etcd.alarms.some((alarm) => alarm.startsWith('NOSPACE'))
  const answering = etcd.members.filter(({ reachable }) => reachable)
  return Promise.all(
    answering.map(async (view) => {
      const quotaBytes = await quotaBytesOf(cluster, view, { signal: context.signal })
      const { name: member, dbSizeBytes: sizeBytes, dbSizeInUseBytes: inUseBytes } = view
      const { worth } = worthDefragmenting({ sizeBytes, inUseBytes, quotaBytes, noSpace }, worthBytes)
      return { member, sizeBytes, inUseBytes, quotaBytes, worth }
    }),
  )
}

/** What etcd-maintenance asks for by default. */
const worthBytes = 100 * 2 ** 20

async function ownCertificates({ name, tls }: Cluster) {
  const paths = [tls?.cert, tls?.ca].filter((path) => path !== undefined)
  const certificates: CertificateSeen[] = []
  const unknown: string[] = []
  for (const path of paths) {
    const endMs = expiryOf(await readFile(path, 'utf8').catch(() => ''))
    if (endMs === undefined)
      unknown.push(`${path} (clusters.${name}.tls) holds no certificate that can be read.`)
    else certificates.push(certificateSeen(path, endMs))
  }
  return { certificates, unknown }
}
