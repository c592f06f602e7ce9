import type { Cluster, EtcdLayout } from '../../dsl/inventory.ts'
import type { ActionContext } from '../action.ts'
import { readSettings } from '../etcd/config-file.ts'
import { RefusedError } from '../failure.ts'
import { layoutOn } from '../inventory/look-up.ts'

/**
 * Refuses where a member keeps its write-ahead log in a directory of its own (`wal-dir`). New data would be started
 * beside the old log there, or old data without its log: either is a member that is neither of both. Throws
 * `RefusedError` naming all such hosts and the way out.
 */
export async function refuseLogApart(
  context: ActionContext,
  cluster: Cluster,
  hosts: readonly string[],
): Promise<void> {
  const apart = await Promise.all(
    hosts.map(async (name) => {
      const layout = layoutOn(cluster, name)
      const why = whyLogApart(name, layout, await readSettings(context.host(name), layout))
      return why === '' ? [] : [why]
    }),
  )
  const [first, ...others] = apart.flat()
  if (first !== undefined) throw new RefusedError([first, ...others, 'Nothing was changed.'].join(' '))
}

/** Why data whose log lies elsewhere is not used, and what to do about it; "" where it lies with the data. */
export function whyLogApart(
  host: string,
  { dataDir }: Pick<EtcdLayout, 'dataDir'>,
  settings: ReadonlyMap<string, string> | undefined,
): string {
  const walDir = settings?.get('wal-dir') ?? ''
  const usual = `${dataDir}/member/wal`
  if (walDir === '' || walDir.replace(/\/+$/, '') === usual) return ''
  return `${host} keeps its log in a directory of its own (wal-dir ${walDir}), which Quorate neither restores nor sets aside. With etcd stopped there, move its *.wal files to ${usual}, owner and mode kept, and take wal-dir out of the configuration; then run this again.`
}
