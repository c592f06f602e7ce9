import { readFile } from 'node:fs/promises'
import type { Cluster, EtcdLayout } from '../../dsl/inventory.ts'
import { dataDirectories } from '../dir/data-directories.ts'
import type { Environment } from '../environment.ts'
import { certificateExpiries, certificateObstacles } from '../etcd/certificates.ts'
import { readSettings } from '../etcd/config-file.ts'
import { inspectCluster } from '../etcd/inspect.ts'
import type { Inspection } from '../etcd/inspection.ts'
import { tlsSource } from '../etcd/tls-files.ts'
import { ActionError, InputError, UnknownOutcomeError } from '../failure.ts'
import { hostFacts } from '../host/facts.ts'
import { expiryOf } from '../host/judge-certificate.ts'
import { isFenced } from '../service/manager.ts'
import { serviceFacts } from '../service/proof.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { type Difference, difference, judgeHost } from './judge-host.ts'
import { clusterNamed, layoutOn } from './look-up.ts'

/**
 * Asks every host and every member of a cluster, and says what differs from the inventory; an empty list means
 * that all is as it says. Changes nothing. Throws `InputError` for a cluster the inventory does not have.
 */
export async function checkInventory(environment: Environment, name: string): Promise<readonly Difference[]> {
  const inventory = await environment.inventory()
  const cluster = clusterNamed(inventory, name)
  const own = await checkWorkersFiles(cluster)
  const etcd = environment.etcd.cluster(cluster)
  const hosts = environment.hosts(inventory)
  try {
    const seen = await inspectCluster(cluster, etcd)
    const ofHosts = await Promise.all(etcd.hosts.map((host) => checkHost(hosts.host(host), cluster, seen)))
    const ill = seen.problems.map((problem) => difference(name, 'a healthy member', problem))
    return [...own, ...ofHosts.flat(), ...ill]
  } catch (error) {
    // Without files or a password that can be used no member can be asked, and nothing else be told.
    if (!(error instanceof InputError)) throw error
    return [...own, ...(own.length > 0 ? [] : [difference(name, 'members that can be asked', error.message)])]
  }
}

const soonMs = 14 * 86_400_000

/** How this machine shows itself to the members. */
async function checkWorkersFiles({ name, tls }: Cluster): Promise<readonly Difference[]> {
  if (!tls) return []
  const expected = 'TLS files on this machine that can be used'
  try {
    await tlsSource(name, tls)()
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    return [difference(name, expected, error.message)]
  }
  const shown = [tls.cert, tls.ca].filter((path) => path !== undefined)
  const ends = await Promise.all(
    shown.map(async (path) => [path, expiryOf(await readFile(path, 'utf8'))] as const),
  )
  return ends.flatMap(([path, end]) => soon(name, path, end))
}

function soon(where: string, path: string, endMs: number | undefined): readonly Difference[] {
  if (endMs === undefined || endMs > Date.now() + soonMs) return []
  const day = new Date(endMs).toISOString().slice(0, 10)
  return [difference(where, 'certificates good for two weeks more', `${path} ends on ${day}`, 'Renew it.')]
}

async function checkHost(
  host: RemoteHost,
  cluster: Cluster,
  seen: Inspection,
): Promise<readonly Difference[]> {
  const layout = layoutOn(cluster, host.name)
  const facts = await asked(
    host,
    'a host that answers',
    'Correct address, ssh or the paths in the inventory.',
    () => hostFacts(host, layout),
  )
  if ('difference' in facts) return [facts.difference]
  const [service, settings, dirs, fenced, programs, versions] = await Promise.all([
    asked(host, 'a service manager that knows etcd', '', () => serviceFacts(host, layout)),
    asked(host, 'a configuration that can be read', 'Correct config in the inventory.', () =>
      readSettings(host, layout),
    ),
    dataDirectories(host, layout.dataDir),
    isFenced(host, layout.service),
    realPath(host, layout.binDir),
    layout.versionsDir === undefined ? '' : realPath(host, layout.versionsDir),
  ])
  const config = 'value' in settings ? settings.value : undefined
  const judged = judgeHost({
    ...{ host: host.name, cluster, layout, seen, facts: facts.value, dirs, config },
    ...('value' in service && { service: service.value }),
    ...(fenced !== undefined && { fenced }),
    ...(layout.versionsDir !== undefined && { programs, versions }),
  })
  return [
    ...('difference' in service ? [service.difference] : []),
    ...('difference' in settings ? [settings.difference] : judged),
    ...(config ? await checkCertificates(host, cluster, layout, config) : []),
  ]
}

type Asked<Value> = { readonly value: Value } | { readonly difference: Difference }

async function asked<Value>(
  host: RemoteHost,
  expected: string,
  hint: string,
  ask: () => Promise<Value>,
): Promise<Asked<Value>> {
  try {
    return { value: await ask() }
  } catch (error) {
    const known = [ActionError, InputError, UnknownOutcomeError].some((kind) => error instanceof kind)
    if (!known || !(error instanceof Error)) throw error
    return { difference: difference(host.name, expected, error.message, hint) }
  }
}

async function realPath(host: RemoteHost, path: string): Promise<string> {
  const { stdout } = await host.exec({ reads: true, argv: ['readlink', '-f', path], privileged: true })
  return stdout.trim()
}

/** A member's own certificates, as its settings name them. */
async function checkCertificates(
  host: RemoteHost,
  cluster: Cluster,
  layout: EtcdLayout,
  settings: ReadonlyMap<string, string>,
): Promise<readonly Difference[]> {
  const to = { name: host.name, layout }
  const hosts = () => host
  const wrong = await certificateObstacles({ cluster, to, own: settings, model: { of: to, settings } }, hosts)
  const ends = await certificateExpiries(host, layout, settings)
  return [
    ...wrong.map((problem) => difference(host.name, 'certificates that members and clients take', problem)),
    ...ends.flatMap(({ path, endMs }) => (endMs < Date.now() ? [] : soon(host.name, path, endMs))),
  ]
}
