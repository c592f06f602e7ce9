import { isIP } from 'node:net'
import { ActionError } from '../failure.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'

/** The addresses of some names as a host resolves them, and the addresses among them as they are. */
export async function addressesSeenFrom(
  host: RemoteHost,
  names: readonly string[],
): Promise<readonly string[]> {
  const unknown = names.filter((name) => isIP(name) === 0)
  if (unknown.length === 0) return names
  const { code, stdout, stderr } = await host.exec({
    reads: true,
    argv: ['sh', '-c', script, 'sh', ...unknown],
  })
  if (code !== 0)
    throw new ActionError(`${host.name} could not resolve the names of the members: ${stderr.trim()}.`)
  const found = stdout.split('\n').filter((line) => isIP(line) !== 0)
  return [...new Set([...names.filter((name) => isIP(name) !== 0), ...found])]
}

const script = String.raw`
for name; do
  found=$(getent ahosts "$name" | while read -r address rest; do echo "$address"; done)
  [ -n "$found" ] || { echo "there is no address for $name" >&2; exit 1; }
  echo "$found"
done
`
