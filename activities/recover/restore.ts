import { dirname } from 'node:path/posix'
import { z } from 'zod'
import { memberMoved } from '../../dsl/cluster-model.ts'
import { type Cluster, peerUrl } from '../../dsl/inventory.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { snapshotFacts, snapshotFunctions } from '../backup/snapshot-script.ts'
import { dataDirectories } from '../dir/data-directories.ts'
import { asidePrefix } from '../dir/names.ts'
import { ActionError, RefusedError } from '../failure.ts'
import { jobKey } from '../host/job-key.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import { acknowledgeUnreachable } from './acknowledge.ts'
import { refuseUnfenced, refuseWhereQuorumIsKept } from './fence.ts'
import { refuseLogApart } from './log-apart.ts'
import { isMadeBy, madeByFile } from './made-by-run.ts'

export const restoreSnapshot = defineAction({
  name: 'etcd.restore',
  title: 'restore the snapshot',
  doc: "Makes a member's data directory out of a snapshot on its host: in a temporary directory beside its place, with a full initial cluster and a token of this run's own, so that the cluster and its members get new IDs and no old member can ever be taken for one of them; then gives it its name. Nothing that lies there is overwritten. Where the host's etcdutl can, the revision is raised and the older ones marked as compacted, so that nobody who watches sees time run backwards. Refuses in a run for a cluster that works, where the configuration puts the log into a directory of its own (wal-dir), and unless every other host is proven to be fenced.",
  effect: 'change',
  subject: ['host', 'member'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    member: z.string().describe('The member that will run there'),
    host: z.string().describe('The host to restore on'),
    path: z.string().describe('The snapshot on that host'),
    initialCluster: z.string().describe('Every member of the restored cluster with its peer URL'),
    bumpBy: z.int().min(0).default(0).describe('By how much to raise the revision; 0 leaves it'),
    owner: z
      .string()
      .default('')
      .describe('USER:GROUP that gets the data where this run set none aside whose owner could be taken'),
    acknowledgeUnreachable,
  }),
  output: z.strictObject({
    path: z.string().describe('The data directory'),
    memberId: z.string().describe('ID of the new member, lower-case hex'),
    clusterId: z.string().describe('ID of the new cluster, lower-case hex'),
    revision: z.int().describe('The revision of the snapshot'),
    bumpedBy: z.int().describe('By how much the revision was raised; 0 where etcdutl cannot'),
  }),
  example: {
    ...{ cluster: 'demo', member: 'etcd-1', host: 'host-1', path: '/var/lib/quorate/backups/demo.db' },
    ...{ initialCluster: 'etcd-1=https://10.0.0.1:2380', bumpBy: 1000000000 },
  },
  timeoutMs: 60 * 60_000,
  foresees: ({ member, host }, model) => memberMoved(model, member, host),
  run: async (asked, context) => {
    refuseWhereQuorumIsKept(context)
    const cluster = clusterNamed(context.inventory, asked.cluster)
    const { dataDir, binDir, ...layout } = layoutOn(cluster, asked.host)
    const host = context.host(asked.host)
    await refuseLogApart(context, cluster, [asked.host])
    await refuseUnfenced(context, {
      ...{ cluster: asked.cluster, but: asked.host, acknowledged: asked.acknowledgeUnreachable },
    })
    const { inPlace } = await dataDirectories(host, dataDir)
    const made = inPlace !== undefined && (await isMadeBy(host, dataDir, context.run))
    if (inPlace && !inPlace.empty && !made) {
      throw new RefusedError(
        `${dataDir} on ${asked.host} is not empty. Set it aside first; nothing is restored over it.`,
      )
    }
    const temporary = `${dirname(dataDir)}/.quorate-restore-${context.run.key}`
    const words = [binDir, asked.path, temporary, dataDir, asked.member, asked.initialCluster]
    const more = [restoreToken(context), peerUrl({ dataDir, binDir, ...layout }), String(asked.bumpBy)]
    const last = [asidePrefix(dataDir, context.run), asked.owner, madeByFile, context.run.key]
    const { stdout } = await host.job(
      jobKey(context),
      { argv: ['sh', '-c', restoreScript, 'restore', ...words, ...more, ...last] },
      { signal: context.signal },
    )
    const lines = stdout.split('\n').filter(Boolean)
    const { revision } = snapshotFacts(lines, asked.host)
    const identity = (await dataDirectories(host, dataDir)).inPlace?.identity
    if (!identity)
      throw new ActionError(
        `What was restored to ${dataDir} on ${asked.host} holds no log. Set it aside and retry.`,
      )
    return { path: dataDir, ...identity, revision, bumpedBy: bumpIn(lines) }
  },
})

/** One for the whole run and for no other: what is restored with it can be taken for nothing else. */
export function restoreToken({ run }: Pick<ActionContext, 'run'>): string {
  return `quorate-${run.key}`
}

/** Every seat with its peer URL, as etcd wants it. */
export function initialClusterOf(
  cluster: Cluster,
  seats: readonly { readonly member: string; readonly host: string }[],
): string {
  return seats.map(({ member, host }) => `${member}=${peerUrl(layoutOn(cluster, host))}`).join(',')
}

function bumpIn(lines: readonly string[]): number {
  return Number(lines.find((line) => line.startsWith('bumped '))?.slice('bumped '.length) ?? 0)
}

/**
 * Words: directory of the programs, snapshot, temporary directory, data directory, member, initial cluster, token,
 * peer URL, bump, prefix of what this run set aside here, owner, the file that names this run, this run.
 * A restore that fails leaves a part of a directory behind, and the next try would stumble over it: it is removed first.
 */
const restoreScript = String.raw`
bin=$1 snapshot=$2 temporary=$3 data=$4 member=$5 cluster=$6 token=$7 peer=$8 bump=$9
shift 9
aside=$1 owner=$2 mark=$3 run=$4
fail() { echo "$1" >&2; exit 85; }
${snapshotFunctions}
umask 077
verify_snapshot "$snapshot"
if [ "$(head -n 1 "$data/$mark" 2>/dev/null)" = "$run" ]; then
  tail -n 1 "$data/$mark"
  exit 0
fi
size=$(bytes_of "$snapshot")
free=$(df -Pk "$(dirname "$data")" | awk 'NR > 1 { for (i = 2; i <= NF; i++) if ($i ~ /^[0-9]+%$/) { print $(i - 1); exit } }')
[ "$free" -gt $((size / 1024 + 131072)) ] ||
  fail "there is no room to restore to $data: the snapshot has $((size / 1024)) KiB, its log takes 128 MiB more, and $free KiB are free"
rm -rf "$temporary" || exit 1
trap 'rm -rf "$temporary"' EXIT
trap 'exit 1' HUP INT TERM
set -- snapshot restore "$snapshot" --data-dir "$temporary" --name "$member" --initial-cluster "$cluster" \
  --initial-cluster-token "$token" --initial-advertise-peer-urls "$peer"
if [ -x "$bin/etcdutl" ]; then program=$bin/etcdutl; else program=$bin/etcdctl; fi
bumped=0
if [ "$bump" -gt 0 ] && ETCDCTL_API=3 "$program" snapshot restore --help 2>&1 | grep -q -e --bump-revision; then
  set -- "$@" --bump-revision "$bump" --mark-compacted
  bumped=$bump
fi
ETCDCTL_API=3 "$program" "$@" >&2 || fail "$program snapshot restore failed"
printf '%s\nbumped %s\n' "$run" "$bumped" >"$temporary/$mark" || exit 1
for old in "$aside"*; do
  [ -d "$old" ] && owner=$(ls -ldn "$old" | { read -r _ _ user group _; echo "$user:$group"; })
done
if [ "$(id -u)" -eq 0 ]; then
  [ -n "$owner" ] || fail "whose data it should be is not known: nothing was set aside here, and no owner was given"
  chown -R "$owner" "$temporary" || exit 1
fi
chmod 700 "$temporary" || exit 1
find "$temporary" -exec sync {} + 2>/dev/null || sync
[ ! -d "$data" ] || rmdir "$data" || fail "$data is not empty"
mv "$temporary" "$data" || exit 1
sync "$(dirname "$data")" 2>/dev/null || sync
echo "bumped $bumped"
`
