import { z } from 'zod'
import { type ActionContext, defineAction } from '../action.ts'
import { EtcdError } from '../etcd/errors.ts'
import { ActionError, RefusedError } from '../failure.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import { receivedIn } from '../recover/snapshot-distribute.ts'
import { loginOf, runThrowaway } from '../recover/throwaway.ts'
import { throwawayFacts } from '../recover/throwaway-answers.ts'
import { throwawayReport } from '../recover/throwaway-script.ts'
import { jobKey } from '../host/job-key.ts'
import { lineOf, snapshotFacts, snapshotFunctions } from './snapshot-script.ts'
import { findBackups, type BackupPlace, backupPlaces } from './store.ts'

export const backupDrill = defineAction({
  name: 'backup.drill',
  title: 'prove a backup by restoring it',
  doc: "Restores a decrypted backup on a host, in a temporary directory, starts a throw-away etcd on it, bound to loopback and of a cluster of its own, and holds what it answers against the backup's manifest and against the cluster of now: revision, number of keys, hash of the keys, and a sample of keys with the revisions they were written at. Removes everything again. Nothing of the cluster is touched.",
  effect: 'change',
  subject: ['host', 'cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster whose backup it is'),
    host: z.string().describe('The host to try it on'),
    path: z.string().describe('The snapshot on that host, decrypted'),
    sha256: z.string().describe('SHA-256 of the snapshot: which manifest is its own'),
    sample: z.int().min(0).max(500).default(50).describe('How many keys to hold against the cluster of now'),
  }),
  output: z.strictObject({
    ok: z.boolean().describe('Everything that could be compared was the same'),
    problems: z.array(z.string()).describe('What was not, a sentence each'),
    notCompared: z.array(z.string()).describe('What could not be compared, and why, a sentence each'),
    revision: z.int().describe('The revision it came up at'),
    keys: z.int().describe('How many keys it has'),
    kvHash: z.string().describe('Hash of its keys at that revision'),
    sampled: z.int().describe('How many keys were held against the cluster of now'),
    version: z.string().describe('Version of the etcd it ran on'),
  }),
  example: { cluster: 'demo', host: 'host-4', path: '/var/lib/quorate/restore/demo.db', sha256: '9f86d081…' },
  timeoutMs: 2 * 60 * 60_000,
  run: async ({ cluster: name, host: hostName, path, sha256, sample }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const layout = layoutOn(cluster, hostName)
    const host = context.host(hostName)
    // Where snapshot.discard finds it all, should the host die in the middle.
    const notes = `${receivedIn(host, context)}/drill`
    const directory = `${notes}/${jobKey(context).replace(/[^A-Za-z0-9._-]/g, '_')}.restored`
    const lines = await runThrowaway(context, {
      ...{
        host,
        layout,
        notes,
        part: 'drill',
        script: drillScript,
        words: [path, directory, String(sample)],
      },
      ...{ login: await loginOf(cluster), limitMs: 2 * 60 * 60_000 },
    })
    const seen = throwawayFacts(lines, hostName)
    const facts = snapshotFacts(lines, hostName)
    if (facts.sha256 !== sha256)
      throw new RefusedError(`${path} on ${hostName} is not the snapshot that was meant.`)
    const judged = judgeAgainstManifest(
      seen,
      facts.revision,
      await manifestOf(context, name, backupPlaces(cluster, context), sha256),
    )
    const keys = sampledKeys(lines)
    const live = await compareWithCluster(context, name, Object.values(cluster.members), seen.revision, keys)
    const problems = [...judged.problems, ...live.problems]
    return {
      ...{ ok: problems.length === 0, problems, notCompared: [...judged.notCompared, ...live.notCompared] },
      ...{
        revision: seen.revision,
        keys: seen.keys,
        kvHash: seen.kvHash,
        sampled: live.sampled,
        version: seen.version,
      },
    }
  },
})

interface Judged {
  readonly problems: readonly string[]
  readonly notCompared: readonly string[]
}

async function manifestOf(
  context: ActionContext,
  cluster: string,
  places: readonly BackupPlace[],
  sha256: string,
) {
  const { backups } = await findBackups(context, cluster, places)
  return backups.find(({ manifest }) => manifest.sha256 === sha256)?.manifest
}

type Told = Pick<ReturnType<typeof throwawayFacts>, 'revision' | 'keys' | 'kvHash' | 'compactRevision'>

/** Holds what a restored backup answered against what was written down when it was taken. Pure. */
export function judgeAgainstManifest(seen: Told, fileRevision: number, told: Told | undefined): Judged {
  const problems: string[] = []
  const notCompared: string[] = []
  if (seen.revision !== fileRevision)
    problems.push(`It came up at revision ${seen.revision}, and the file says ${fileRevision}.`)
  if (!told)
    return { problems, notCompared: ['There is no manifest of it, so nothing was compared with one.'] }
  if (seen.revision !== told.revision)
    problems.push(`It came up at revision ${seen.revision}, and its manifest says ${told.revision}.`)
  if (told.keys < 0) notCompared.push('Its manifest does not say how many keys it has.')
  else if (seen.keys !== told.keys)
    problems.push(`It has ${seen.keys} keys, and its manifest says ${told.keys}.`)
  if (told.kvHash === '') notCompared.push('Its manifest does not say the hash of its keys.')
  else if (seen.compactRevision !== told.compactRevision)
    notCompared.push(
      `The cluster was compacted while the backup was taken (to ${told.compactRevision}, the backup to ${seen.compactRevision}), so the hashes cannot be compared.`,
    )
  else if (seen.kvHash !== told.kvHash)
    problems.push(`Its keys have the hash ${seen.kvHash}, and its manifest says ${told.kvHash}.`)
  return { problems, notCompared }
}

interface SampledKey {
  readonly key: Buffer
  readonly modRevision: number
  readonly version: number
}

const sampleAnswer = z.object({
  kvs: z.array(z.object({ key: z.string(), mod_revision: z.number(), version: z.number() })).default([]),
})

function sampledKeys(lines: readonly string[]): readonly SampledKey[] {
  const { kvs } = sampleAnswer.parse(JSON.parse(lineOf(lines, 'sample') || '{}'))
  return kvs.map(({ key, mod_revision, version }) => ({
    ...{ key: Buffer.from(key, 'base64'), modRevision: mod_revision, version },
  }))
}

/** A key that was not written since must be there as it was; one that was says nothing. */
async function compareWithCluster(
  context: ActionContext,
  name: string,
  hosts: readonly string[],
  revision: number,
  keys: readonly SampledKey[],
): Promise<Judged & { readonly sampled: number }> {
  const problems: string[] = []
  let sampled = 0
  try {
    const endpoint = await answering(context, name, hosts)
    for (const { key, modRevision, version } of keys) {
      const now = await endpoint.key(key, 0, { signal: context.signal })
      if (!now || now.modRevision > revision) continue
      sampled += 1
      if (now.modRevision !== modRevision || now.version !== version)
        problems.push(
          `The key ${JSON.stringify(key.toString())} was written at revision ${now.modRevision} in the cluster and at ${modRevision} in the backup.`,
        )
    }
    return { problems, notCompared: [], sampled }
  } catch (error) {
    if (!(error instanceof EtcdError) && !(error instanceof ActionError)) throw error
    return { problems, notCompared: [`The cluster of now could not be asked: ${error.message}`], sampled }
  }
}

async function answering(context: ActionContext, name: string, hosts: readonly string[]) {
  const endpoints = hosts.map((host) => context.cluster(name).endpoint(host))
  const answers = endpoints.map(async (endpoint) => {
    await endpoint.readThroughQuorum({ signal: context.signal })
    return endpoint
  })
  return Promise.any(answers).catch(() => {
    throw new ActionError('no member serves a read through the quorum.')
  })
}

/** Words: snapshot, a directory for this alone, size of the sample. */
const drillScript = String.raw`
${throwawayReport}
${snapshotFunctions}
snapshot=$1 work=$2 sample=$3
throwaway_clean() { rm -rf "$work"; }
throwaway_begin
rm -rf "$work" && mkdir -p "$work" || exit 1
verify_snapshot "$snapshot"
if [ -x "$bin/etcdutl" ]; then program=$bin/etcdutl; else program=$bin/etcdctl; fi
ETCDCTL_API=3 "$program" snapshot restore "$snapshot" --data-dir "$work/data" --name drill \
  --initial-cluster drill=http://127.0.0.1:1 --initial-advertise-peer-urls http://127.0.0.1:1 \
  --initial-cluster-token "quorate-drill-$$" >&2 || fail 'the backup could not be restored'
throwaway_start "$work/data" drill
throwaway_report
[ "$sample" -eq 0 ] || echo "sample $(ctl get '' --from-key --limit="$sample" --keys-only -w json)"
throwaway_stop
`
