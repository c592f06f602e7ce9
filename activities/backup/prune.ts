import { z } from 'zod'
import type { BackupStore } from '../../dsl/inventory.ts'
import { defineAction } from '../action.ts'
import { jobKey } from '../host/job-key.ts'
import { clusterNamed } from '../inventory/look-up.ts'
import { type Backup, type BackupPlace, findBackups, whyNotSound } from './store.ts'
import { hostsOf } from '../etcd/pool.ts'

export const backupPrune = defineAction({
  name: 'backup.prune',
  title: 'remove old backups',
  doc: "Removes the backups of a cluster that its inventory's retention no longer asks for: beyond the newest `keep` ones that were read whole just now and are sound, and older than `maxAge` where that is given. One that is not sound is never counted as kept, and while fewer than `keep` sound ones are there nothing is removed. Which is newer is told by revisions; an age that lies in the future is no age. Does nothing where the inventory names no backup.",
  effect: 'destroy',
  subject: ['cluster'],
  input: z.strictObject({ cluster: z.string().describe('The cluster') }),
  output: z.strictObject({
    removed: z.array(z.string()).describe('What was removed, HOST:PATH'),
    kept: z.array(z.string()).describe('What is left, HOST:PATH, the newest first'),
    why: z.string().describe('Why nothing was removed; "" when something was'),
  }),
  example: { cluster: 'demo' },
  timeoutMs: 60 * 60_000,
  run: async ({ cluster: name }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const { backup: store } = cluster
    if (store === undefined)
      return {
        removed: [],
        kept: [],
        why: `The inventory names no backup of ${name}, so no retention either.`,
      }
    const places = placesOf(store, hostsOf(cluster))
    const { backups } = await findBackups(context, name, places)
    const sound: Backup[] = []
    for (const backup of backups) {
      if (sound.length === store.keepCount) break
      if ((await whyNotSound(context, backup)) === '') sound.push(backup)
    }
    const going = whatGoes(backups, sound, store, Date.now())
    for (const [at, { host, path }] of going.entries()) {
      const argv = ['rm', '-f', '--', path, `${path}.json`]
      await context.host(host).job(jobKey(context, String(at)), { argv }, { signal: context.signal })
    }
    const kept = backups.filter((backup) => !going.includes(backup))
    return {
      removed: going.map(placeOf),
      kept: kept.map(placeOf),
      why: going.length > 0 ? '' : whyNothing(store, sound),
    }
  },
})

/** What a retention lets go. Pure. `backups` are the newest first; `sound` those of them proven to be whole. */
export function whatGoes(
  backups: readonly Backup[],
  sound: readonly Backup[],
  { keepCount, keepMs }: Pick<BackupStore, 'keepCount' | 'keepMs'>,
  nowMs: number,
): readonly Backup[] {
  const last = sound[keepCount - 1]
  if (sound.length < keepCount || last === undefined) return []
  const older = backups.slice(backups.indexOf(last) + 1)
  if (keepMs === undefined) return older
  return older.filter(({ manifest }) => nowMs - Date.parse(manifest.takenAt) > keepMs)
}

function placesOf({ host, directory }: BackupStore, hosts: readonly string[]): readonly BackupPlace[] {
  return (host === undefined ? hosts : [host]).map((each) => ({ host: each, directory }))
}

function whyNothing({ keepCount }: BackupStore, sound: readonly Backup[]): string {
  if (sound.length < keepCount) return `Of ${keepCount} sound backups to keep there are ${sound.length}.`
  return 'Nothing is old enough.'
}

function placeOf({ host, path }: Backup): string {
  return `${host}:${path}`
}
