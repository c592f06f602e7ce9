import { z } from 'zod'
import type { Cluster } from '../../dsl/inventory.ts'
import type { ActionContext } from '../action.ts'
import { type Backup, backupPlaces, findBackups, whyNotSound } from './store.ts'

const text = z.string()

/** A backup as a person and a runbook see it. */
export const backupView = z.strictObject({
  host: text.describe('The host it lies on'),
  path: text.describe('Its path there'),
  state: z
    .enum(['sound', 'unread', 'broken'])
    .describe(
      '"sound": read whole just now and as its manifest says; "unread": of the right size; "broken": not usable',
    ),
  why: text.describe('Why it is broken; "" when it is not'),
  clusterId: text.describe('ID of the cluster it was taken of'),
  from: text.describe('The member it was taken from'),
  version: text.describe('Version of the etcd it was taken from'),
  storageVersion: text.describe('Version of the data, "" before etcd 3.6'),
  revision: z.int().describe('The revision it holds'),
  keys: z.int().describe('How many keys there were; -1 when not known'),
  hash: text.describe('Hash of the snapshot as etcdutl tells it'),
  kvHash: text.describe('Hash of the keys at that revision'),
  sizeBytes: z.int().describe('Size of the snapshot'),
  sha256: text.describe('SHA-256 of the snapshot itself, not of what it may be encrypted to'),
  takenAt: text.describe('When, by the clock of the worker of that time, in UTC'),
  encrypted: z.boolean().describe('The file is encrypted'),
})

export type BackupView = z.output<typeof backupView>

/** All backups of a cluster, of which the newest are read whole until so many were found sound. */
export async function backupViews(
  context: ActionContext,
  cluster: Cluster,
  verify: number,
): Promise<{ readonly backups: BackupView[]; readonly newest: BackupView; readonly unknown: string[] }> {
  const { backups, unknown } = await findBackups(context, cluster.name, backupPlaces(cluster, context))
  const views: BackupView[] = []
  let sound = 0
  for (const [at, backup] of backups.entries()) {
    context.progress({ text: `backup ${at + 1} of ${backups.length}` })
    const read = sound < verify || !backup.present
    const why = read ? await whyNotSound(context, backup) : ''
    if (read && why === '') sound += 1
    views.push(viewOf(backup, why, why === '' ? (read ? 'sound' : 'unread') : 'broken'))
  }
  return {
    backups: views,
    newest: views.find(({ state }) => state === 'sound') ?? noBackup,
    unknown: [...unknown],
  }
}

export function viewOf(
  { host, path, manifest }: Backup,
  why: string,
  state: BackupView['state'],
): BackupView {
  const { clusterId, member, version, storageVersion, revision, keys, hash, kvHash } = manifest
  const { sizeBytes, sha256, takenAt, recipients } = manifest
  return {
    ...{
      host,
      path,
      state,
      why,
      clusterId,
      from: member,
      version,
      storageVersion,
      revision,
      keys,
      hash,
      kvHash,
    },
    ...{ sizeBytes, sha256, takenAt, encrypted: recipients.length > 0 },
  }
}

/** In place of what is not there, so that a runbook can read its fields: all "", 0 or false, and broken. */
export const noBackup: BackupView = {
  ...{ host: '', path: '', state: 'broken', why: 'there is no backup that is what its manifest says' },
  ...{
    clusterId: '',
    from: '',
    version: '',
    storageVersion: '',
    revision: 0,
    keys: -1,
    hash: '',
    kvHash: '',
  },
  ...{ sizeBytes: 0, sha256: '', takenAt: '', encrypted: false },
}
