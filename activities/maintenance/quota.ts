import { clientUrl, type Cluster } from '../../dsl/inventory.ts'
import { textAt } from '../etcd/cluster-version.ts'
import type { CallOptions } from '../etcd/channel.ts'
import type { MemberView } from '../etcd/inspection.ts'
import { layoutOn } from '../inventory/look-up.ts'

/**
 * The most a member's database may grow to, in bytes; 0 when the member does not say. Members say it in their status
 * since 3.6; before, only the metrics do, on the client port.
 * Source: etcd, `etcd_server_quota_backend_bytes`, 3.4 to 3.7.
 */
export async function quotaBytesOf(
  cluster: Cluster,
  { host, reachable, quotaBytes }: Pick<MemberView, 'host' | 'reachable' | 'quotaBytes'>,
  options: CallOptions = {},
): Promise<number> {
  if (quotaBytes > 0 || !reachable || host === '') return quotaBytes
  const url = `${clientUrl(layoutOn(cluster, host))}/metrics`
  const metrics = await textAt(url, cluster.tls, options).catch(() => '')
  const [, value] = /^etcd_server_quota_backend_bytes (\S+)$/m.exec(metrics) ?? []
  const bytes = Number(value ?? 0)
  return Number.isFinite(bytes) ? Math.round(bytes) : 0
}
