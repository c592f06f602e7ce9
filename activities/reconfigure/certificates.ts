import { z } from 'zod'
import { type ActionContext, defineAction } from '../action.ts'
import { uploadFile } from '../binary/upload.ts'
import { readSettings } from '../etcd/config-file.ts'
import { RefusedError } from '../failure.ts'
import { jobKey } from '../host/job-key.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import { keptSuffix, stagedSuffix, tlsFlags, tlsUses, withChanges } from './certificate-settings.ts'
import { newFiles } from './new-files.ts'

const input = {
  cluster: z.string().describe('The cluster'),
  host: z.string().describe('The host'),
  settings: z
    .record(z.string(), z.string())
    .default({})
    .describe('Settings that change with them, by flag; "" takes one out'),
}
const output = z.strictObject({ files: z.array(z.string()).describe('The files, by where they belong') })
const example = { cluster: 'demo', host: 'host-1' }

export const certificatesStage = defineAction({
  name: 'etcd.certificates.stage',
  title: 'bring new certificates to a host',
  doc: "Brings the files of a directory of the worker's machine to a host, each beside the one it is to replace, under another name: etcd reads nothing of them yet. Owner and mode are those of the present file; a new key is for its owner only.",
  effect: 'change',
  subject: ['host', 'cluster'],
  input: z.strictObject({
    ...input,
    directory: z.string().describe("Directory on the worker's machine with a directory of files a host"),
  }),
  output,
  example: { ...example, directory: '/secure/pki' },
  run: async ({ cluster, host, settings, directory }, context) => {
    const { remote, all, dataDir } = await place(context, { cluster, host, settings })
    const { files, problems } = await newFiles(directory, host, all)
    if (problems.length > 0) throw new RefusedError(problems.join(' '))
    const suffix = stagedSuffix(context.run)
    for (const { from, to, sha256 } of files)
      await uploadFile(remote, { from, to: `${to}${suffix}`, sha256, mode: '0600', signal: context.signal })
    const keys = new Set(tlsUses.map(({ key }) => key))
    const words = files.flatMap(({ to, flags }) => [
      to,
      flags.some((flag) => keys.has(flag)) ? '0600' : '0644',
    ])
    const argv = ['sh', '-c', ownScript, 'own', dataDir, suffix, ...words]
    await remote.job(jobKey(context), { argv }, { signal: context.signal })
    return { files: files.map(({ to }) => to) }
  },
})

export const certificatesPut = defineAction({
  name: 'etcd.certificates.put',
  title: 'put the new certificates in place',
  doc: 'Gives the files that this run brought to a host their names, and keeps the former ones beside them for etcd.certificates.restore. A running etcd shows the new certificate to whoever connects from then on; authorities it reads when it starts.',
  effect: 'change',
  subject: ['host', 'cluster'],
  input: z.strictObject(input),
  output,
  example,
  run: async (asked, context) => ({ files: await rename(context, asked, putScript) }),
})

export const certificatesRestore = defineAction({
  name: 'etcd.certificates.restore',
  title: 'put the former certificates back',
  doc: 'Puts the certificates of a host back as they were before this run replaced them. Does nothing where it did not.',
  effect: 'change',
  subject: ['host', 'cluster'],
  input: z.strictObject(input),
  output,
  example,
  run: async (asked, context) => ({ files: await rename(context, asked, restoreScript) }),
})

interface Asked {
  readonly cluster: string
  readonly host: string
  readonly settings: Readonly<Record<string, string>>
}

async function place(context: ActionContext, { cluster, host, settings }: Asked) {
  const layout = layoutOn(clusterNamed(context.inventory, cluster), host)
  const remote = context.host(host)
  const now = (await readSettings(remote, layout)) ?? new Map<string, string>()
  return { remote, dataDir: layout.dataDir, now, all: withChanges(now, settings) }
}

async function rename(context: ActionContext, asked: Asked, script: string): Promise<string[]> {
  const { remote, now, all } = await place(context, asked)
  const paths = tlsFlags
    .flatMap((flag) => [now.get(flag), all.get(flag)])
    .filter((path) => path !== undefined)
  const words = [stagedSuffix(context.run), keptSuffix(context.run), ...new Set(paths)]
  const argv = ['sh', '-c', script, 'certificates', ...words]
  const { stdout } = await remote.job(jobKey(context), { argv }, { signal: context.signal })
  return stdout.split('\n').filter(Boolean)
}

/** Arguments: data directory, suffix, then a path and the mode of a file that was not there before, in turn. */
const ownScript = String.raw`
data=$1; suffix=$2; shift 2
owner() { ls -ldn "$1" | { read -r _ _ user group _; echo "$user:$group"; }; }
while [ "$#" -gt 0 ]; do
  if [ -e "$1" ]; then
    chown "$(owner "$1")" "$1$suffix" || exit 1
    chmod "$(stat -c %a "$1" 2>/dev/null || stat -f %Lp "$1")" "$1$suffix" || exit 1
  else
    chown "$(owner "$data")" "$1$suffix" && chmod "$2" "$1$suffix" || exit 1
  fi
  shift 2
done
`

/** Arguments: suffix of staged files, suffix of kept ones, paths. A repeated try finds it done. */
const putScript = String.raw`
staged=$1; kept=$2; shift 2
for path in "$@"; do
  [ -e "$path$staged" ] || { [ ! -e "$path$kept" ] && [ ! -e "$path$kept.none" ] || echo "$path"; continue; }
  if [ ! -e "$path$kept" ] && [ ! -e "$path$kept.none" ]; then
    if [ -e "$path" ]; then cp -p "$path" "$path$kept.half" && mv "$path$kept.half" "$path$kept" || exit 1
    else : >"$path$kept.none" || exit 1; fi
  fi
  mv "$path$staged" "$path" || exit 1
  echo "$path"
done
`

const restoreScript = String.raw`
staged=$1; kept=$2; shift 2
for path in "$@"; do
  rm -f "$path$staged"
  if [ -e "$path$kept" ]; then mv "$path$kept" "$path" || exit 1; echo "$path"
  elif [ -e "$path$kept.none" ]; then rm -f "$path" "$path$kept.none" || exit 1; echo "$path"; fi
done
`
