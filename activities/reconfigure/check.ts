import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import type { Cluster } from '../../dsl/inventory.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { type RefusedSetting, refusedSettings } from '../binary/refused-settings.ts'
import { leaderLast, ordered } from '../binary/upgrade-check.ts'
import { readSettings } from '../etcd/config-file.ts'
import { inspectCluster } from '../etcd/inspect.ts'
import { ActionError } from '../failure.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { tlsUses, withChanges } from './certificate-settings.ts'
import { type Changes, readChanges } from './changes.ts'
import {
  type CertificateVerdict,
  type ClientTlsHeld,
  type HostTls,
  judgeCertificates,
} from './judge-certificates.ts'
import { certificatesIn, newFiles, readTls } from './new-files.ts'

export const reconfigureCheck = defineAction({
  name: 'etcd.reconfigure.check',
  title: 'check a change of settings or certificates',
  doc: 'Reads settings as a person writes them, and asks the etcd of every host whether it takes each of them. Holds new certificates, a directory a host on the worker, against what the hosts have: key and certificate fit, they name the address, and at every moment of a change one member after another all members and Quorate itself trust each other. Says every obstacle as a sentence. Changes nothing.',
  effect: 'read',
  subject: ['cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    settings: z
      .array(z.string())
      .default([])
      .describe('FLAG=VALUE each, such as quota-backend-bytes=8589934592; FLAG= takes it out'),
    certificates: z
      .string()
      .default('')
      .describe('Directory on the worker\'s machine with a directory of files a host; "" for none'),
  }),
  output: z.strictObject({
    settings: z.record(z.string(), z.string()).describe('The settings, by flag; "" takes one out'),
    problems: z.array(z.string()).describe('What stands in the way, a sentence each'),
    warnings: z.array(z.string()).describe('What a person should know before saying yes'),
    order: z.array(ordered).describe('All members in the order to go in: the leader last'),
  }),
  example: { cluster: 'demo', settings: ['auto-compaction-mode=periodic', 'auto-compaction-retention=8h'] },
  timeoutMs: 120_000,
  run: async ({ cluster: name, settings: texts, certificates }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const { settings, problems } = readChanges(texts)
    const hosts = Object.values(cluster.members)
    const [refused, tls, seen] = await Promise.all([
      Promise.all(hosts.map((host) => notTaken(context, cluster, host, settings))),
      certificates === '' ? noVerdict : certificateCheck(context, cluster, certificates, () => settings),
      inspectCluster(cluster, context.cluster(name), { hash: false, signal: context.signal }),
    ])
    const empty = texts.length === 0 && certificates === ''
    return {
      settings,
      problems: [
        ...(empty ? ['Neither settings nor certificates were given: there is nothing to change.'] : []),
        ...problems,
        ...refused.flat(),
        ...tls.problems,
      ],
      warnings: [...tls.warnings],
      order: leaderLast(seen),
    }
  },
})

const noVerdict = { problems: [], warnings: [] }

async function notTaken(
  context: ActionContext,
  cluster: Cluster,
  host: string,
  settings: Changes,
): Promise<readonly string[]> {
  const set = Object.entries(settings)
    .filter(([, value]) => value !== '')
    .map(([flag, value]) => ({ flag, value }))
  const program = `${layoutOn(cluster, host).binDir}/etcd`
  const refused = await refusedSettings(context.host(host), program, set)
  return refused.map(
    ({ flag, value, why }: RefusedSetting) => `etcd on ${host} does not take --${flag}=${value}: ${why}.`,
  )
}

/** Whether certificates in a directory of this machine can take the places that settings name, changed as said. */
export async function certificateCheck(
  context: ActionContext,
  cluster: Cluster,
  directory: string,
  changes: (host: string) => Changes,
): Promise<CertificateVerdict> {
  const looks = await Promise.all(
    Object.values(cluster.members).map((host) =>
      lookAtHost(context, cluster, host, directory, changes(host)),
    ),
  )
  const problems = looks.flatMap((look) => look.problems)
  const hosts = looks.flatMap(({ tls }) => (tls ? [tls] : []))
  if (problems.length > 0) return { problems, warnings: [] }
  const client = await clientHeld(cluster)
  return judgeCertificates({ hosts, ...(client && { client }), nowMs: Date.now() })
}

async function lookAtHost(
  context: ActionContext,
  cluster: Cluster,
  host: string,
  directory: string,
  settings: Changes,
): Promise<{ readonly tls?: HostTls; readonly problems: readonly string[] }> {
  const layout = layoutOn(cluster, host)
  const remote = context.host(host)
  const now = (await readSettings(remote, layout)) ?? new Map<string, string>()
  const { files, problems } = await newFiles(directory, host, withChanges(now, settings))
  if (problems.length > 0) return { problems }
  const fresh = new Map(files.flatMap(({ flags, bytes }) => flags.map((flag) => [flag, bytes] as const)))
  try {
    const tls = {
      ...{ host, address: layout.address },
      now: readTls(await presentTexts(remote, now)),
      next: readTls(fresh),
    }
    return { tls, problems: [] }
  } catch (error) {
    if (error instanceof ActionError) throw error
    return { problems: [`For ${host}, ${error instanceof Error ? error.message : String(error)}.`] }
  }
}

/** The certificates and authorities that lie on a host; never a key. */
async function presentTexts(
  host: RemoteHost,
  settings: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, string>> {
  const flags = tlsUses.flatMap(({ cert, ca }) => [cert, ca])
  const texts = await Promise.all(
    flags.map(async (flag) => {
      const path = settings.get(flag)
      if (path === undefined || path === '') return []
      const { code, stdout } = await host.exec({ reads: true, argv: ['cat', '--', path], privileged: true })
      return code === 0 ? [[flag, stdout] as const] : []
    }),
  )
  return new Map(texts.flat())
}

async function clientHeld({ tls }: Cluster): Promise<ClientTlsHeld | undefined> {
  if (!tls) return undefined
  const chain = tls.cert === undefined ? undefined : certificatesIn(await readFile(tls.cert), 'tls.cert')
  return { authorities: certificatesIn(await readFile(tls.ca), 'tls.ca'), ...(chain && { chain }) }
}
