import { z } from 'zod'
import type { Cluster } from '../../dsl/inventory.ts'
import type { ActionContext } from '../action.ts'
import { hostsOf } from '../etcd/pool.ts'
import { ActionError, UnknownOutcomeError } from '../failure.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { manifest, type Manifest, newestFirst } from './manifest.ts'
import { digestFunctions } from './snapshot-script.ts'

/** A directory that backups of a cluster lie in, or may. */
export interface BackupPlace {
  readonly host: string
  readonly directory: string
}

/** A backup as its manifest tells of it. */
export interface Backup {
  readonly host: string
  readonly path: string
  readonly manifest: Manifest
  /** Whether a file of the right size lies beside the manifest. */
  readonly present: boolean
}

export interface Backups {
  /** The newest first. */
  readonly backups: readonly Backup[]
  /** Where there may be more, and why that is not known, a sentence each. */
  readonly unknown: readonly string[]
}

/** Where backups lie that a member's own host keeps when the inventory names no other place. */
export function ownDirectory(host: Pick<RemoteHost, 'workDir'>): string {
  return `${host.workDir}/backups`
}

/** Every place the inventory lets backups of the cluster be in. */
export function backupPlaces(cluster: Cluster, context: Pick<ActionContext, 'host'>): readonly BackupPlace[] {
  const { backup } = cluster
  const hosts = hostsOf(cluster)
  const own = hosts.map((host) => ({ host, directory: ownDirectory(context.host(host)) }))
  const named = backup === undefined ? [] : backup.host === undefined ? hosts : [backup.host]
  const all = [...named.map((host) => ({ host, directory: backup?.directory ?? '' })), ...own]
  return [...new Map(all.map((place) => [`${place.host}:${place.directory}`, place])).values()]
}

/** Reads the manifests of a cluster's backups in some places. Never throws for a host that cannot be asked. */
export async function findBackups(
  context: Pick<ActionContext, 'host'>,
  cluster: string,
  places: readonly BackupPlace[],
): Promise<Backups> {
  const looks = await Promise.all(places.map((place) => backupsIn(context.host(place.host), place)))
  const found = looks
    .flatMap(({ backups }) => backups)
    .filter((backup) => backup.manifest.cluster === cluster)
  return { backups: newestFirst(found), unknown: looks.flatMap(({ unknown }) => unknown) }
}

/** Why a backup's file is not what its manifest says, read whole; "" when it is. */
export async function whyNotSound(
  context: Pick<ActionContext, 'host'>,
  { host, path, present, manifest: { storedSha256, storedBytes } }: Backup,
): Promise<string> {
  if (!present) return `there is no ${path} of ${storedBytes} bytes on ${host}`
  const { code, stdout, stderr } = await context.host(host).exec({
    reads: true,
    argv: ['sh', '-c', `${digestFunctions}\ndigest <"$1"`, 'digest', path],
    ...{ privileged: true, timeoutMs: 600_000 },
  })
  if (code !== 0) return `${path} on ${host} cannot be read: ${stderr.trim()}`
  if (stdout.trim() === storedSha256) return ''
  return `${path} on ${host} is not what was stored (SHA-256 ${stdout.trim()}, expected ${storedSha256})`
}

async function backupsIn(host: RemoteHost, { directory }: BackupPlace): Promise<Backups> {
  try {
    const argv = ['sh', '-c', listScript, 'list', directory]
    const { code, stdout, stderr } = await host.exec({ reads: true, argv, privileged: true })
    if (code !== 0) throw new ActionError(stderr.trim() || `exit code ${code}`)
    const read = stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => readLine(host.name, directory, line))
    return {
      backups: read.flatMap((each) => (typeof each === 'string' ? [] : [each])),
      unknown: read.flatMap((each) => (typeof each === 'string' ? [each] : [])),
    }
  } catch (error) {
    if (!(error instanceof ActionError) && !(error instanceof UnknownOutcomeError)) throw error
    const why = error.message.replace(/\.$/, '')
    return { backups: [], unknown: [`What lies in ${directory} on ${host.name} is not known: ${why}.`] }
  }
}

const listed = z.tuple([z.string(), z.string(), z.string()])

function readLine(host: string, directory: string, line: string): Backup | string {
  const [name, size, json] = listed.parse([...line.split('\t', 2), line.split('\t').slice(2).join('\t')])
  const told = manifest.safeParse(parsed(json))
  if (!told.success || `${told.data.file}.json` !== name)
    return `${directory}/${name} on ${host} is no manifest of a backup that can be understood.`
  const path = `${directory}/${told.data.file}`
  return { host, path, manifest: told.data, present: Number(size) === told.data.storedBytes }
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

/** Argument: directory. A line a manifest: its name, the size of the file beside it (-1: none) and its text. */
const listScript = String.raw`
[ -d "$1" ] || exit 0
cd -- "$1" || exit 1
for file in *.json; do
  [ -f "$file" ] || continue
  size=-1
  [ ! -f "${'$'}{file%.json}" ] || size=$(wc -c <"${'$'}{file%.json}" | tr -d ' ')
  printf '%s\t%s\t%s\n' "$file" "$size" "$(head -c 16384 "$file" | tr '\n\t' '  ')"
done
`
