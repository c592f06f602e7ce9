import { join } from 'node:path'
import { z } from 'zod'
import type { Cluster } from '../../dsl/inventory.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { ActionError, RefusedError } from '../failure.ts'
import { jobKey } from '../host/job-key.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import { localPrograms, programNames, type Programs, remotePrograms } from './programs.ts'
import { uploadFile } from './upload.ts'

export const binaryStage = defineAction({
  name: 'etcd.binary.stage',
  title: 'bring the programs of a version to the hosts',
  doc: "Puts etcd, etcdctl and etcdutl of a version into VERSIONSDIR/VERSION on hosts, all hosts at once: from the cluster's `binaries` directory on the worker's machine, digests compared on both ends, or as they lie there already. Touches no running etcd. Refuses when what lies on a host is not what the worker has, or does not say that it is that version.",
  effect: 'change',
  subject: ['version', 'cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    version: z
      .string()
      .regex(/^\d+\.\d+\.\d+$/)
      .describe('The version, such as 3.6.16'),
    hosts: z
      .array(z.string())
      .default([])
      .describe("The hosts to bring it to; every member's host when left out"),
  }),
  output: z.strictObject({
    version: z.string().describe('The version'),
    sha256: z.record(z.string(), z.string()).describe('SHA-256 of each program'),
    uploadedTo: z.array(z.string()).describe('Hosts it was brought to; the others had it'),
  }),
  example: { cluster: 'demo', version: '3.6.16', hosts: ['host-1'] },
  timeoutMs: 30 * 60_000,
  run: async ({ cluster: name, version, hosts }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const source = await sourceOf(cluster, version)
    const where = hosts.length > 0 ? hosts : Object.values(cluster.members)
    const staged = await allOrFirst(
      where.map((host) => stageOn(context, { cluster, host, version, ...(source && { source }) })),
    )
    const [first] = staged
    if (!first) throw new RefusedError(`${name} has no host to bring etcd ${version} to.`)
    return {
      version,
      sha256: Object.fromEntries(
        Object.entries(first.programs).map(([program, { sha256 }]) => [program, sha256]),
      ),
      uploadedTo: staged.filter(({ uploaded }) => uploaded).map(({ host }) => host),
    }
  },
})

/** Where the programs of a version lie on a host; throws `RefusedError` where versions do not lie side by side. */
export function versionDirectory(cluster: Cluster, host: string, version: string): string {
  const { versionsDir, binDir } = layoutOn(cluster, host)
  if (versionsDir !== undefined) return `${versionsDir}/${version}`
  throw new RefusedError(
    `The inventory does not say where versions of etcd lie on ${host}: give its \`etcd\` a versionsDir (a directory a version below it, which ${binDir} is a link into).`,
  )
}

interface Source {
  /** On the worker's machine. */
  readonly directory: string
  readonly programs: Programs
}

async function sourceOf({ binaries }: Cluster, version: string): Promise<Source | undefined> {
  if (binaries === undefined) return undefined
  const directory = join(binaries, version)
  const programs = await localPrograms(directory)
  return programs && { directory, programs }
}

interface Staging {
  readonly cluster: Cluster
  readonly host: string
  readonly version: string
  /** Left out when the worker's machine has none of that version. */
  readonly source?: Source
}

interface Staged {
  readonly host: string
  readonly programs: Programs
  readonly uploaded: boolean
}

async function stageOn(context: ActionContext, staging: Staging): Promise<Staged> {
  const { cluster, host, version, source } = staging
  const directory = versionDirectory(cluster, host, version)
  const remote = context.host(host)
  const there = await remotePrograms(remote, directory)
  if (there) {
    refuseOther(staging, directory, there.programs)
    refuseNotRunning(staging, directory, there)
    return { host, programs: there.programs, uploaded: false }
  }
  if (!source) throw new RefusedError(nowhere(staging, directory))
  refuseIncomplete(source)
  await upload(context, staging, source, directory)
  const after = await remotePrograms(remote, directory)
  if (!after) throw new ActionError(`${directory} on ${host} was written, and holds no etcd.`)
  refuseOther(staging, directory, after.programs)
  return { host, programs: after.programs, uploaded: true }
}

function refuseOther({ host, source }: Staging, directory: string, there: Programs): void {
  if (!source) return
  const other = programNames.find(
    (name) => source.programs[name] !== undefined && source.programs[name].sha256 !== there[name]?.sha256,
  )
  if (other === undefined) return
  throw new RefusedError(
    `${directory}/${other} on ${host} is not the one in ${source.directory} (SHA-256 ${there[other]?.sha256 ?? 'none: it is missing'} there, ${source.programs[other]?.sha256} here). Find out which is right, and remove the other.`,
  )
}

function refuseNotRunning(
  { host, version }: Staging,
  directory: string,
  there: { readonly version?: string; readonly whyNot?: string },
): void {
  if (there.version === version) return
  const why =
    there.version === undefined
      ? `does not run there: ${there.whyNot ?? ''}. Is it built for that kind of machine?`
      : `says that it is ${there.version}, not ${version}.`
  throw new RefusedError(`${directory}/etcd on ${host} ${why}`)
}

function nowhere({ cluster, host, version }: Staging, directory: string): string {
  const here =
    cluster.binaries === undefined
      ? `the inventory gives ${cluster.name} no \`binaries\` directory to upload it from`
      : `${join(cluster.binaries, version)} is not on the worker's machine either`
  return `${host} has no etcd ${version} in ${directory}, and ${here}. Put etcd, etcdctl and etcdutl into one of the two.`
}

function refuseIncomplete({ directory, programs }: Source): void {
  const missing = (['etcd', 'etcdctl'] as const).filter((name) => programs[name] === undefined)
  if (missing.length > 0) throw new RefusedError(`${directory} has no ${missing.join(' and no ')}.`)
}

/** Written beside under a name of the run's own, and given its name once it is whole and says that it is that version. */
async function upload(
  context: ActionContext,
  staging: Staging,
  source: Source,
  directory: string,
): Promise<void> {
  const { host } = staging
  const remote = context.host(host)
  const part = `${directory}.quorate-${context.run.key}`
  const files = Object.entries(source.programs)
  const total = files.reduce((sum, [, { sizeBytes }]) => sum + sizeBytes, 0)
  let done = 0
  for (const [name, { sha256, sizeBytes }] of files) {
    context.progress({ text: `${host}: ${name}`, done, total, unit: 'bytes' })
    const to = `${part}/${name}`
    await uploadFile(remote, {
      from: join(source.directory, name),
      to,
      sha256,
      mode: '0755',
      signal: context.signal,
    })
    done += sizeBytes
  }
  const arrived = await remotePrograms(remote, part)
  if (arrived) {
    refuseOther(staging, part, arrived.programs)
    refuseNotRunning(staging, part, arrived)
  }
  await remote.job(
    jobKey(context, 'place'),
    { argv: ['sh', '-c', placeScript, 'place', part, directory] },
    { signal: context.signal },
  )
}

/** All are waited for, so that nothing goes on behind the step's back. */
async function allOrFirst<Value>(works: readonly Promise<Value>[]): Promise<readonly Value[]> {
  const settled = await Promise.allSettled(works)
  return settled.map((one) => {
    if (one.status === 'rejected') throw one.reason
    return one.value
  })
}

/** Arguments: from, to. A repeated try finds it done. */
const placeScript = String.raw`
[ -e "$2/etcd" ] && [ ! -e "$1" ] && exit 0
[ ! -e "$2" ] || rmdir "$2" || { echo "$2 exists already and holds something else" >&2; exit 80; }
chmod 0755 "$1" && mv "$1" "$2"
`
