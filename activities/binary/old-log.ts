import type { Cluster } from '../../dsl/inventory.ts'
import type { ActionContext } from '../action.ts'
import { minorOf } from '../etcd/versions.ts'
import { ActionError } from '../failure.ts'
import { layoutOn } from '../inventory/look-up.ts'

/** What a member would read first when it starts. */
export interface LogBeginning {
  /** The cluster's version when its newest raft snapshot was taken; "" when there is none. */
  readonly snapshotVersion: string
  /** Whether the log from that snapshot on holds entries in the form that 3.5 and earlier wrote. */
  readonly oldForm: boolean
}

/**
 * Whether a member of 3.6 would make 3.7 panic when it starts ("unmarshal should never fail"): etcd reads its log
 * again from its newest raft snapshot on, 3.7 no longer knows the form in which 3.5 wrote members and versions,
 * and 3.6 takes a snapshot only every 10,000 entries. So a small cluster that goes from 3.5 through 3.6 to 3.7
 * dies of it (seen with 3.5.35, 3.6.16 and 3.7.3). A snapshot of a time when the cluster's version was 3.6 is
 * proof of the contrary: by then nobody wrote the old form any more.
 */
export function needsRenewal({ snapshotVersion, oldForm }: LogBeginning): boolean {
  const after = snapshotVersion !== '' && minorOf(snapshotVersion) >= 6
  return !after && oldForm
}

export async function hasOldLog(
  context: ActionContext,
  cluster: Cluster,
  at: { readonly host: string; readonly walDir: string | undefined },
): Promise<boolean> {
  return needsRenewal(await logBeginning(context, cluster, at))
}

async function logBeginning(
  context: ActionContext,
  cluster: Cluster,
  { host, walDir }: { readonly host: string; readonly walDir: string | undefined },
): Promise<LogBeginning> {
  const { dataDir } = layoutOn(cluster, host)
  const argv = ['sh', '-c', lookScript, 'sh', dataDir, walDir ?? `${dataDir}/member/wal`]
  const { code, stdout, stderr } = await context
    .host(host)
    .exec({ reads: true, argv, privileged: true, timeoutMs: 120_000 })
  const [, snapshotVersion = '', oldForm] = /^snapshot=(\S*)\nold=(yes|no)$/m.exec(stdout) ?? []
  if (code !== 0 || oldForm === undefined)
    throw new ActionError(
      `What the log of etcd on ${host} begins with could not be read: ${stderr.trim() || `exit code ${code}`}.`,
    )
  return { snapshotVersion, oldForm: oldForm === 'yes' }
}

/**
 * Arguments: data directory, directory of the log. A snapshot's name ends with its raft index, a segment's with
 * the first index in it, both as 16 hex digits. In the old form an entry holds PUT and then the tag of a path.
 */
const lookScript = String.raw`
newest=
for file in "$1"/member/snap/*.snap; do [ -f "$file" ] && newest=$file; done
version=
index=0000000000000000
if [ -n "$newest" ]; then
  version=$(LC_ALL=C tr -cd '[:print:]' <"$newest" | LC_ALL=C sed -n 's/.*"Path":"\/0\/version"[^{}]*"Value":"\([0-9.]*\)".*/\1/p')
  index=$(basename "$newest" .snap)
  index=$(printf '%s' "$index" | cut -d - -f 2)
fi
first=
for file in "$2"/*.wal; do
  [ -f "$file" ] || continue
  begins=$(basename "$file" .wal | cut -d - -f 2)
  if [ -z "$first" ] || expr "x$begins" '<=' "x$index" >/dev/null; then first=$file; fi
done
[ -n "$first" ] || { echo "there is no segment in $2" >&2; exit 1; }
old=no
from=no
for file in "$2"/*.wal; do
  [ "$file" != "$first" ] || from=yes
  [ "$from" = yes ] || continue
  if LC_ALL=C grep -qF "$(printf 'PUT\032')" "$file"; then old=yes; fi
done
printf 'snapshot=%s\nold=%s\n' "$version" "$old"
`
