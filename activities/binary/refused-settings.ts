import { ActionError } from '../failure.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'

export interface Setting {
  /** etcd's own name of it, such as `quota-backend-bytes`. */
  readonly flag: string
  readonly value: string
}

export interface RefusedSetting extends Setting {
  /** In etcd's words. */
  readonly why: string
}

/**
 * Which of some settings a program on a host does not take, by asking that program: with `--version` it reads its
 * flags, says what it does not know or cannot read, and starts nothing. Settings that come from a file or from
 * variables have to be asked about in this way as well, because there etcd passes over what it does not know
 * in silence. What a value means (a mode there is not, a file that is missing) shows only when it starts.
 * Source: etcd's `embed` and `etcdmain` packages, 3.4 to 3.7, seen by running.
 */
export async function refusedSettings(
  host: RemoteHost,
  program: string,
  settings: readonly Setting[],
): Promise<readonly RefusedSetting[]> {
  const asked = settings.filter(({ value }) => !value.includes('\n'))
  const stdin = asked.map(({ flag, value }) => `--${flag}=${value}\n`).join('')
  const argv = ['sh', '-c', askScript, 'sh', program]
  const { code, stdout, stderr } = await host.exec({
    reads: true,
    argv,
    stdin,
    privileged: true,
    timeoutMs: 60_000,
  })
  if (code !== 0)
    throw new ActionError(
      `${program} on ${host.name} could not be asked what it takes: ${stderr.trim() || `exit code ${code}`}.`,
    )
  return stdout
    .split('\n')
    .filter(Boolean)
    .flatMap((line) => {
      const [, index, why = ''] = /^(\d+) (.*)$/.exec(line) ?? []
      const setting = asked[Number(index)]
      return index === undefined || setting === undefined ? [] : [{ ...setting, why }]
    })
}

/** Settings on standard input, a line each; prints `INDEX WHY` for those that are not taken. */
const askScript = String.raw`
"$1" --version >/dev/null 2>&1 </dev/null || { echo "it does not run: $("$1" --version 2>&1 </dev/null | head -n 1)" >&2; exit 1; }
n=0
while IFS= read -r setting; do
  said=$("$1" "$setting" --version 2>&1 </dev/null) || printf '%s %s\n' "$n" "$(printf '%s\n' "$said" | head -n 1)"
  n=$((n + 1))
done
`
