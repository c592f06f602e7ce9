import type { RunIdentity } from '../../workflows/ports.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'

/**
 * A data directory that a run restored names that run in the first line of this file, where etcd does not look. Its
 * identity was made with it, so no other directory anywhere can have the same.
 */
export const madeByFile = 'member/quorate-run'

/** Whether that run made the data directory. */
export async function isMadeBy(
  host: RemoteHost,
  dataDir: string,
  run: Pick<RunIdentity, 'key'>,
): Promise<boolean> {
  const { code, stdout } = await host.exec({
    reads: true,
    argv: ['cat', '--', `${dataDir}/${madeByFile}`],
    privileged: true,
  })
  return code === 0 && stdout.split('\n')[0] === run.key
}
