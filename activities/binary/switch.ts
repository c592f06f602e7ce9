import { z } from 'zod'
import { versionStaged } from '../../dsl/cluster-model.ts'
import { defineAction } from '../action.ts'
import { ActionError, RefusedError } from '../failure.ts'
import { jobKey } from '../host/job-key.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import { remotePrograms } from './programs.ts'
import { versionDirectory } from './stage.ts'

const input = {
  cluster: z.string().describe('The cluster'),
  host: z.string().describe('The host'),
}

export const binarySwitch = defineAction({
  name: 'etcd.binary.switch',
  title: 'switch to another version of the programs',
  doc: "Makes a host's binDir the one of a staged version, at once: where binDir is a link it is pointed to VERSIONSDIR/VERSION, else each program in it becomes a link to the one there. What was there is kept beside for etcd.binary.restore. What runs goes on running; the next start is of the new version.",
  effect: 'change',
  subject: ['host', 'version'],
  input: z.strictObject({
    ...input,
    version: z
      .string()
      .regex(/^\d+\.\d+\.\d+$/)
      .describe('The version, staged on that host'),
  }),
  output: z.strictObject({
    version: z.string().describe('The version that the next start is of'),
    former: z.string().describe('The version that it was of before this step; "" when none ran there'),
  }),
  example: { cluster: 'demo', host: 'host-1', version: '3.6.16' },
  foresees: ({ host, version }, model) => versionStaged(model, host, version),
  run: async ({ cluster: name, host, version }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const { binDir } = layoutOn(cluster, host)
    const directory = versionDirectory(cluster, host, version)
    const remote = context.host(host)
    const [staged, present] = await Promise.all([
      remotePrograms(remote, directory),
      remotePrograms(remote, binDir),
    ])
    if (staged?.version !== version) {
      throw new RefusedError(
        `${directory} on ${host} holds no etcd ${version} that runs${staged?.whyNot ? ` (${staged.whyNot})` : ''}: stage it first.`,
      )
    }
    const argv = ['sh', '-c', switchScript, 'switch', binDir, directory, context.run.key]
    await remote.job(jobKey(context), { argv }, { signal: context.signal })
    const after = await remotePrograms(remote, binDir)
    if (after?.version !== version)
      throw new ActionError(
        `${binDir} on ${host} was switched, and is ${after?.version ?? 'of no known version'}.`,
      )
    return { version, former: present?.version ?? '' }
  },
})

export const binaryRestore = defineAction({
  name: 'etcd.binary.restore',
  title: 'switch back to the former version of the programs',
  doc: "Makes a host's binDir what it was before this run switched it. Does nothing when this run did not. Only safe while the cluster's version has not moved: the runbook has to look.",
  effect: 'change',
  subject: ['host', 'cluster'],
  input: z.strictObject(input),
  output: z.strictObject({ version: z.string().describe('The version that the next start is of') }),
  example: { cluster: 'demo', host: 'host-1' },
  run: async ({ cluster: name, host }, context) => {
    const { binDir } = layoutOn(clusterNamed(context.inventory, name), host)
    const remote = context.host(host)
    const argv = ['sh', '-c', restoreScript, 'restore', binDir, context.run.key]
    await remote.job(jobKey(context), { argv }, { signal: context.signal })
    return { version: (await remotePrograms(remote, binDir))?.version ?? '' }
  },
})

/** `mv` onto a link to a directory would move into it: GNU and busybox are told so by -T, the others by -h. */
const replaceFunction = String.raw`
replace() { mv -fT "$1" "$2" 2>/dev/null || mv -fh "$1" "$2" 2>/dev/null || { [ ! -L "$2" ] && mv -f "$1" "$2"; }; }
`

/**
 * Arguments: binDir, the version's directory, the run's key. The former link or program is kept under a name of
 * the run, once; so a repeated try keeps the right one.
 */
const switchScript = `${replaceFunction}
bin=$1; version=$2; mark=quorate-$3
point() {
  if [ ! -e "$1.$mark" ] && [ ! -L "$1.$mark" ] && { [ -e "$1" ] || [ -L "$1" ]; }; then
    cp -Pp "$1" "$1.$mark.half" && mv -f "$1.$mark.half" "$1.$mark" || return 1
  fi
  rm -f "$1.$mark.new"
  ln -s "$2" "$1.$mark.new" && replace "$1.$mark.new" "$1"
}
if [ -L "$bin" ]; then
  point "$bin" "$version" || { echo "$bin could not be pointed to $version" >&2; exit 1; }
else
  for program in etcd etcdctl etcdutl; do
    [ -e "$version/$program" ] || continue
    point "$bin/$program" "$version/$program" || { echo "$bin/$program could not be replaced" >&2; exit 1; }
  done
fi
`

/** Arguments: binDir, the run's key. */
const restoreScript = `${replaceFunction}
bin=$1; mark=quorate-$2
for one in "$bin" "$bin/etcd" "$bin/etcdctl" "$bin/etcdutl"; do
  [ -e "$one.$mark" ] || [ -L "$one.$mark" ] || continue
  replace "$one.$mark" "$one" || { echo "$one could not be put back" >&2; exit 1; }
done
`
