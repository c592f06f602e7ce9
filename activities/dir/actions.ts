import { z } from 'zod'
import { type ActionContext, defineAction } from '../action.ts'
import { ActionError, RefusedError } from '../failure.ts'
import { jobKey } from '../host/job-key.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { dataDirectories, type DataDirectories } from './data-directories.ts'
import { lastRanNote } from './last-ran-here.ts'
import { asidePrefix, stagingPath } from './names.ts'
import { activateScript, renameScript, setAsideScript } from './scripts.ts'

const input = z.strictObject({
  cluster: z.string().describe('The cluster whose data directory it is'),
  host: z.string().describe('The host it lies on'),
})
const output = z.strictObject({ path: z.string().describe('Where the directory lies now') })
const example = { cluster: 'demo', host: 'host-1' }
const subject = ['host', 'cluster']

type Input = z.output<typeof input>

export const setAside = defineAction({
  name: 'dir.setAside',
  title: 'set the data directory aside',
  doc: 'Renames the data directory to DATADIR.quorate-RUN-TIME on the same file system, so that etcd cannot be started with it any more. Nothing is deleted. Refuses while a process has the database open.',
  effect: 'change',
  ...{ subject, input, output, example },
  probe: async (asked, context) => {
    const { dirs, aside } = await look(asked, context)
    return !dirs.inPlace && aside.length === 1 ? { path: aside[0] ?? '' } : undefined
  },
  run: async (asked, context) => {
    const { host, dataDir, dirs, prefix } = await look(asked, context)
    if (!dirs.inPlace)
      throw new ActionError(`There is no data directory ${dataDir} on ${asked.host} to set aside.`)
    refuseWhileOpen(asked.host, dirs)
    const path = await script(context, host, setAsideScript, [dataDir, prefix, lastRanNote(host, dataDir)])
    return { path }
  },
})

export const restore = defineAction({
  name: 'dir.restore',
  title: 'put the data directory back',
  doc: 'Gives the data directory that this run set aside on that host its name back. Refuses when something lies there by now. Whether it may be started again is for service.start to judge.',
  effect: 'change',
  ...{ subject, input, output, example },
  probe: async (asked, context) => {
    const { dataDir, dirs, aside } = await look(asked, context)
    return dirs.inPlace?.identity && aside.length === 0 ? { path: dataDir } : undefined
  },
  run: async (asked, context) => {
    const { host, dataDir, aside } = await look(asked, context)
    await script(context, host, renameScript, [theOne(asked.host, dataDir, aside), dataDir])
    return { path: dataDir }
  },
})

export const activate = defineAction({
  name: 'dir.activate',
  title: 'put the copy in place',
  doc: 'Gives the copy that this run made on that host the name of the data directory. Refuses when something lies there already.',
  effect: 'change',
  ...{ subject, input, output, example },
  run: async (asked, context) => {
    const { host, dataDir } = await look(asked, context)
    await script(context, host, activateScript, [stagingPath(dataDir, context.run), dataDir])
    return { path: dataDir }
  },
})

export const deactivate = defineAction({
  name: 'dir.deactivate',
  title: 'take the copy out of its place',
  doc: 'Takes the name of the data directory from the copy that this run put in place on that host, and keeps it beside: the opposite of dir.activate. Refuses while a process has the database open.',
  effect: 'change',
  ...{ subject, input, output, example },
  probe: async (asked, context) => {
    const { dataDir, dirs } = await look(asked, context)
    const staging = stagingPath(dataDir, context.run)
    return !dirs.inPlace && dirs.aside.some(({ path }) => path === staging) ? { path: staging } : undefined
  },
  run: async (asked, context) => {
    const { host, dataDir, dirs } = await look(asked, context)
    refuseWhileOpen(asked.host, dirs)
    const staging = stagingPath(dataDir, context.run)
    await script(context, host, renameScript, [dataDir, staging])
    return { path: staging }
  },
})

async function look({ cluster, host: name }: Input, context: ActionContext) {
  const { dataDir } = layoutOn(clusterNamed(context.inventory, cluster), name)
  const host = context.host(name)
  const dirs = await dataDirectories(host, dataDir)
  const prefix = asidePrefix(dataDir, context.run)
  const aside = dirs.aside.map(({ path }) => path).filter((path) => path.startsWith(prefix))
  return { host, dataDir, dirs, prefix, aside }
}

async function script(
  context: ActionContext,
  host: RemoteHost,
  text: string,
  words: readonly string[],
): Promise<string> {
  const { stdout } = await host.job(
    jobKey(context),
    { argv: ['sh', '-c', text, 'dir', ...words] },
    { signal: context.signal },
  )
  return stdout.trim()
}

/** The directory a run set aside on a host: there must be exactly one. */
export function theOne(host: string, dataDir: string, aside: readonly string[]): string {
  const [path, second] = aside
  if (path === undefined)
    throw new ActionError(`This run has set no directory aside beside ${dataDir} on ${host}.`)
  if (second === undefined) return path
  throw new ActionError(
    `This run has set several directories aside beside ${dataDir} on ${host} (${aside.join(', ')}), and which one is meant cannot be told. Rename the right one by hand.`,
  )
}

function refuseWhileOpen(host: string, { inPlace }: DataDirectories): void {
  if (inPlace?.open === 'yes') {
    throw new RefusedError(
      `${inPlace.path} on ${host} is in use: a process has its database open. Stop etcd there first.`,
    )
  }
}
