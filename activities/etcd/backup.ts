import { z } from 'zod'
import { clientUrl, type EtcdLayout } from '../../dsl/inventory.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { ActionError, RefusedError } from '../failure.ts'
import { jobKey } from '../host/job-key.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { inspectCluster } from './inspect.ts'
import type { Inspection } from './inspection.ts'

export const backup = defineAction({
  name: 'etcd.backup',
  title: 'take a verified snapshot',
  doc: "Takes a snapshot from one healthy voter, on that member's own host, into the work directory's backups/. It is written under another name, checked (the SHA-256 it ends with, and etcdutl snapshot status) and only then called a backup. Followers are preferred, by name, so that a repeated try finds the same one.",
  effect: 'change',
  subject: ['cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster to back up'),
    avoid: z.string().default('').describe('A host not to take it from, such as the one about to be touched'),
  }),
  output: z.strictObject({
    host: z.string().describe('The host it lies on'),
    path: z.string().describe('Its path there'),
    revision: z.int().describe('The revision it holds'),
    keys: z.int().describe('How many keys it holds, as etcdutl counts: revisions of keys, not keys'),
    hash: z.string().describe('Hash of the snapshot as etcdutl tells it, eight hex digits'),
    sizeBytes: z.int().describe('Size of the file'),
    sha256: z.string().describe('SHA-256 of the whole file'),
  }),
  example: { cluster: 'demo', avoid: 'host-1' },
  timeoutMs: 30 * 60_000,
  run: async ({ cluster: name, avoid }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const seen = await inspectCluster(cluster, context.cluster(name), { hash: false, signal: context.signal })
    const host = sourceOf(seen, avoid)
    const told = await takeSnapshot(context, context.host(host), layoutOn(cluster, host), name)
    return { host, ...told }
  },
})

/** A healthy voter's host, a follower's before the leader's, then by name. Throws `RefusedError` when there is none. */
function sourceOf(seen: Inspection, avoid: string): string {
  const able = seen.members.filter((member) => member.healthy && !member.isLearner && member.host !== avoid)
  const source = able.find((member) => !member.isLeader) ?? able[0]
  if (source) return source.host
  throw new RefusedError(`There is no healthy member to take a backup from. ${seen.problems.join(' ')}`)
}

async function takeSnapshot(context: ActionContext, host: RemoteHost, layout: EtcdLayout, cluster: string) {
  const directory = `${host.workDir}/backups`
  const file = `${cluster}-${jobKey(context)}.db`.replace(/[^A-Za-z0-9._-]/g, '_')
  const words = [layout.binDir, clientUrl(layout), directory, file]
  const { stdout } = await host.job(
    jobKey(context),
    { argv: ['sh', '-c', snapshotScript, 'backup', ...words] },
    { signal: context.signal },
  )
  return { path: `${directory}/${file}`, ...reportIn(stdout, host.name) }
}

const status = z.object({ hash: z.number(), revision: z.number(), totalKey: z.number() })

/** The script's last two lines: size and digest, then what etcdutl says. */
function reportIn(stdout: string, host: string) {
  const [sizes = '', json = ''] = stdout.trim().split('\n').slice(-2)
  const [, size, sha256 = ''] = /^verified (\d+) ([0-9a-f]{64})$/.exec(sizes) ?? []
  const told = size === undefined ? undefined : status.safeParse(JSON.parse(json))
  if (!told?.success)
    throw new ActionError(`The backup on ${host} told of itself what is not understood: ${stdout.trim()}`)
  const { hash, revision, totalKey } = told.data
  return {
    revision,
    keys: totalKey,
    hash: hash.toString(16).padStart(8, '0'),
    sizeBytes: Number(size),
    sha256,
  }
}

/**
 * Arguments: directory of the programs, client URL, directory and name of the backup. A snapshot ends with the
 * SHA-256 of what comes before it, which is a multiple of 512 bytes long.
 */
const snapshotScript = String.raw`
bin=$1; url=$2; dir=$3; file=$3/$4; part=$3/$4.unverified
fail() { echo "$1" >&2; [ "$part" = "$file" ] || rm -f "$part"; exit 85; }
digest() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum
  elif command -v shasum >/dev/null 2>&1; then shasum -a 256
  else openssl dgst -sha256 -r; fi | cut -c 1-64
}
umask 077
mkdir -p "$dir" || exit 1
if [ ! -e "$file" ]; then
  rm -f "$part" "$part.part"
  ETCDCTL_API=3 "$bin/etcdctl" --endpoints="$url" snapshot save "$part" >&2 || fail 'etcdctl snapshot save failed'
else
  part=$file
fi
size=$(wc -c <"$part" | tr -d ' ')
[ $((size % 512)) -eq 32 ] || fail "the snapshot is $size bytes long, which no whole snapshot is"
said=$(tail -c 32 "$part" | od -An -v -tx1 | tr -d ' \n')
seen=$(head -c $((size - 32)) "$part" | digest)
[ "$said" = "$seen" ] || fail "the snapshot's SHA-256 is $seen, and it says $said of itself"
if [ -x "$bin/etcdutl" ]; then status=$("$bin/etcdutl" snapshot status -w json "$part") || fail 'etcdutl cannot read the snapshot'
else status=$(ETCDCTL_API=3 "$bin/etcdctl" snapshot status -w json "$part") || fail 'etcdctl cannot read the snapshot'; fi
whole=$(digest <"$part")
[ "$part" = "$file" ] || mv "$part" "$file" || exit 1
echo "verified $size $whole"
echo "$status"
`
