import type { RemoteHost } from '../ssh/remote-host.ts'
import type { Setting } from './refused-settings.ts'

/**
 * The flags that the etcd which has a data directory open was started with; none where it does not run, or where
 * the host does not tell (no `/proc`, or a container with a file system of its own). What stands in a unit or a
 * script outside of the file that the inventory names shows only here.
 */
export async function commandLineSettings(host: RemoteHost, dataDir: string): Promise<readonly Setting[]> {
  const argv = ['sh', '-c', findScript, 'sh', dataDir]
  const { stdout } = await host.exec({ reads: true, argv, privileged: true })
  return settingsIn(stdout.split('\n').filter(Boolean))
}

/** `--flag=value`, `--flag value` and `--flag` of a command line, its program left out. */
export function settingsIn(words: readonly string[]): readonly Setting[] {
  return words.flatMap((word, index) => {
    const [, flag, equals, value = ''] = /^--?([a-z][a-z0-9-]*)(=)?(.*)$/s.exec(word) ?? []
    if (flag === undefined) return []
    if (equals !== undefined) return [{ flag, value }]
    const next = words[index + 1]
    return [{ flag, value: next === undefined || next.startsWith('-') ? 'true' : next }]
  })
}

/** Argument: data directory. Prints the words after the program, one a line. */
const findScript = String.raw`
[ -d /proc/self/fd ] || exit 0
db=$(readlink -f "$1/member/snap/db" 2>/dev/null) || exit 0
[ -n "$db" ] || exit 0
for process in /proc/[0-9]*; do
  case $(readlink "$process/exe" 2>/dev/null) in */etcd | */etcd" (deleted)") ;; *) continue ;; esac
  for fd in "$process"/fd/*; do
    [ "$(readlink "$fd" 2>/dev/null)" = "$db" ] || continue
    tr '\n\0' ' \n' <"$process/cmdline" | tail -n +2
    exit 0
  done
done
exit 0
`
