import type { ActionContext } from '../action.ts'
import { jobKey } from '../host/job-key.ts'
import type { Manifest } from './manifest.ts'
import type { BackupPlace } from './store.ts'

/** Writes a backup's manifest beside it, which is what makes it a backup. Returns its path. */
export async function writeManifest(
  context: ActionContext,
  { host, directory }: BackupPlace,
  manifest: Manifest,
): Promise<string> {
  const path = `${directory}/${manifest.file}.json`
  const stdin = `${JSON.stringify(manifest, undefined, 2)}\n`
  const argv = ['sh', '-c', script, 'manifest', path]
  await context.host(host).job(jobKey(context, 'manifest'), { argv, stdin }, { signal: context.signal })
  return path
}

const script = String.raw`
umask 077
cat >"$1.new" && { sync "$1.new" 2>/dev/null || sync; } && mv "$1.new" "$1"
`
