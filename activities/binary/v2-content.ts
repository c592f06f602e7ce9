import type { Cluster } from '../../dsl/inventory.ts'
import type { ActionContext } from '../action.ts'
import { layoutOn } from '../inventory/look-up.ts'

/**
 * Whether a member of 3.5 holds keys of the v2 store that 3.6 would not start with. Asked of the host's own
 * etcdutl, which reads the directory of a running member without changing it. Returns a sentence, "" when nothing
 * stands in the way.
 * Source: `etcdutl check v2store` of 3.5.32 and later; what 3.6.16 does was seen by running: with such keys in its
 * log it panics while it reads that, with them in its snapshot it ends unless it is told to pass over them.
 */
export async function v2Content(
  context: ActionContext,
  cluster: Cluster,
  { name, host, passesOver, walDir }: Asked,
): Promise<string> {
  const { binDir, dataDir } = layoutOn(cluster, host)
  const argv = [
    'sh',
    '-c',
    checkScript,
    'sh',
    `${binDir}/etcdutl`,
    dataDir,
    ...(walDir === undefined ? [] : ['--wal-dir', walDir]),
  ]
  const { code, stdout, stderr } = await context
    .host(host)
    .exec({ reads: true, argv, privileged: true, timeoutMs: 120_000 })
  const said = lastLine(`${stderr.trim()}\n${stdout.trim()}`.trim())
  if (code === 0 && said.includes('No custom content')) return ''
  if (said.includes('content in WAL')) {
    return `${name} has keys of the v2 store in its log, and etcd 3.6 dies of them (${said}). Restart it on 3.5 with --snapshot-count=1, write a few keys so that the log is done with, and put the setting back.`
  }
  if (said.includes('custom content')) {
    return passesOver
      ? ''
      : `${name} has keys of the v2 store, and etcd 3.6 does not start with them (${said}). Move them to v3; or, if they may be lost, set --v2-deprecation=write-only-skip-check on every member with etcd-reconfigure.`
  }
  return `Whether ${name} has keys of the v2 store could not be told (${said || `exit code ${code}`}): etcdutl of 3.5.32 or later has to be in ${binDir} on ${host}.`
}

interface Asked {
  readonly name: string
  readonly host: string
  /** It is set to let such keys go: `--v2-deprecation=write-only-skip-check`. */
  readonly passesOver: boolean
  /** Where its log lies, when apart from the data directory. */
  readonly walDir: string | undefined
}

function lastLine(text: string): string {
  return text.split('\n').at(-1)?.trim() ?? ''
}

/** A snapshot that is being written at that moment can look broken: asked a second time before it counts. */
const checkScript = String.raw`
program=$1; data=$2; shift 2
[ -x "$program" ] || { echo "there is no $program" >&2; exit 1; }
"$program" check v2store --data-dir "$data" "$@" 2>&1 && exit 0
sleep 1
"$program" check v2store --data-dir "$data" "$@" 2>&1
`
