import { type Cluster } from '../../dsl/inventory.ts'

/** Does something for every member's host at once; waits for all of them, then throws the first error. */
export async function onEveryHost<Value>(
  cluster: Cluster,
  work: (host: string, member: string) => Promise<Value>,
): Promise<readonly Value[]> {
  const works = Object.entries(cluster.members).map(([member, host]) => work(host, member))
  const settled = await Promise.allSettled(works)
  return settled.map((one) => {
    if (one.status === 'rejected') throw one.reason
    return one.value
  })
}
