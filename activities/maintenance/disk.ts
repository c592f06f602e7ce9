import { ActionError } from '../failure.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'

export interface Disk {
  readonly freeBytes: number
  readonly totalBytes: number
}

/** The disk that a directory lies on, or would lie on. Throws `ActionError` when the host does not say. */
export async function diskOf(host: RemoteHost, directory: string): Promise<Disk> {
  const argv = ['sh', '-c', script, 'sh', directory]
  const { code, stdout, stderr } = await host.exec({ reads: true, argv, privileged: true })
  const [, totalKiB, freeKiB] = /^(\d+) (\d+)$/m.exec(stdout) ?? []
  if (code !== 0 || totalKiB === undefined || freeKiB === undefined)
    throw new ActionError(
      `How much is free on ${host.name} below ${directory} is not known: ${stderr.trim() || `exit code ${code}`}.`,
    )
  return { freeBytes: Number(freeKiB) * 1024, totalBytes: Number(totalKiB) * 1024 }
}

/** Names of file systems may hold blanks: what counts is where the percentage stands. */
const script = String.raw`
there=$1
while [ ! -d "$there" ]; do there=$(dirname "$there"); done
df -Pk "$there" | awk 'NR > 1 { for (i = 5; i <= NF; i++) if ($i ~ /^[0-9]+%$/) { print $(i - 3), $(i - 1); exit } }'
`
