import { z } from 'zod'
import { type ActionContext, defineAction } from '../action.ts'
import { RefusedError } from '../failure.ts'
import { jobKey } from '../host/job-key.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import { copyDirectory, type CopyProgress } from '../ssh/copy.ts'
import { dataDirectories } from './data-directories.ts'
import { stagingPath } from './names.ts'

export const copy = defineAction({
  name: 'dir.copy',
  title: 'copy the data directory',
  doc: 'Copies the data directory of one host to another, into DATADIR.quorate-RUN beside the place it will have there. Sends only what differs, so it can be repeated and resumed. With exact, etcd must be stopped on the old host, and both ends are the same, block by block, when it ends; without, the source may be in use, and the copy is good for nothing but to make the exact one short.',
  effect: 'change',
  subject: ['to', 'from'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster whose data directory it is'),
    from: z.string().describe('The host to copy from'),
    to: z.string().describe('The host to copy to'),
    exact: z.boolean().describe('The source stands still, and the copy must be the same as it'),
  }),
  output: z.strictObject({
    path: z.string().describe('Where the copy lies'),
    files: z.int().describe('How many files the source has'),
    bytesTotal: z.int().describe('Bytes the source has'),
    bytesSent: z.int().describe('Bytes that were sent'),
    digest: z.string().describe('SHA-256 over names, modes, sizes and content; both ends have it when exact'),
    via: z.string().describe('"direct" from host to host, or "relay" through the worker'),
    viaBecause: z.string().describe('Why it did not go directly; "" when it did'),
    durationMs: z.int().describe('How long it took'),
  }),
  example: { cluster: 'demo', from: 'host-1', to: 'host-4', exact: true },
  timeoutMs: 4 * 60 * 60_000,
  run: async ({ cluster: name, from, to, exact }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const { dataDir } = layoutOn(cluster, from)
    if (exact) await refuseWhileInUse(context, from, dataDir)
    const toPath = stagingPath(layoutOn(cluster, to).dataDir, context.run)
    const {
      files,
      bytesTotal,
      bytesSent,
      digest,
      via,
      viaBecause = '',
      durationMs,
    } = await copyDirectory({
      from: context.host(from),
      fromPath: dataDir,
      to: context.host(to),
      toPath,
      key: jobKey(context),
      verify: exact,
      signal: context.signal,
      onProgress: (progress) => context.progress(shown(progress)),
    })
    return { path: toPath, files, bytesTotal, bytesSent, digest, via, viaBecause, durationMs }
  },
})

async function refuseWhileInUse(context: ActionContext, from: string, dataDir: string): Promise<void> {
  const { inPlace } = await dataDirectories(context.host(from), dataDir)
  if (inPlace?.open !== 'yes') return
  throw new RefusedError(
    `${dataDir} on ${from} is in use: a copy of a running member is never exact, and would not start. Stop etcd there first.`,
  )
}

function shown({ phase, doneBytes, totalBytes }: CopyProgress) {
  return { text: phase, done: doneBytes, total: totalBytes, unit: 'bytes' as const }
}
