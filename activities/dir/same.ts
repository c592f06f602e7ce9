import { z } from 'zod'
import { defineAction } from '../action.ts'
import { ActionError } from '../failure.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { theOne } from './actions.ts'
import { dataDirectories } from './data-directories.ts'
import { asidePrefix } from './names.ts'
import { digestsScript } from './scripts.ts'

export const same = defineAction({
  name: 'dir.same',
  title: 'compare the data directories',
  doc: 'Compares the data directory that this run set aside on one host with the one in place on another, file by file by SHA-256. While they are identical the member has never written on the new host, and the old data is not stale.',
  effect: 'read',
  subject: ['to', 'from'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster whose data it is'),
    from: z.string().describe('The host this run set the data directory aside on'),
    to: z.string().describe('The host whose data directory it is compared with'),
  }),
  output: z.strictObject({
    identical: z.boolean().describe('Both have the same files with the same content'),
    files: z.int().describe('How many files the one set aside has'),
    differing: z.array(z.string()).describe('Files that differ or that only one of them has'),
  }),
  example: { cluster: 'demo', from: 'host-1', to: 'host-4' },
  timeoutMs: 30 * 60_000,
  run: async ({ cluster: name, from, to }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const { dataDir } = layoutOn(cluster, from)
    const { aside } = await dataDirectories(context.host(from), dataDir)
    const prefix = asidePrefix(dataDir, context.run)
    const ours = aside.map(({ path }) => path).filter((path) => path.startsWith(prefix))
    const [left, right] = await Promise.all([
      digests(context.host(from), theOne(from, dataDir, ours)),
      digests(context.host(to), layoutOn(cluster, to).dataDir),
    ])
    const differing = differences(left, right)
    return { identical: differing.length === 0, files: left.size, differing: differing.slice(0, 20) }
  },
})

type Digests = ReadonlyMap<string, string>

function differences(left: Digests, right: Digests): readonly string[] {
  const names = new Set([...left.keys(), ...right.keys()])
  return [...names].filter((name) => left.get(name) !== right.get(name)).toSorted()
}

async function digests(host: RemoteHost, path: string): Promise<Digests> {
  const argv = ['sh', '-c', digestsScript, 'sh', path]
  const { code, stdout, stderr } = await host.exec({
    reads: true,
    argv,
    privileged: true,
    timeoutMs: 30 * 60_000,
  })
  if (code !== 0)
    throw new ActionError(
      `${path} on ${host.name} could not be read: ${stderr.trim() || `exit code ${code}`}.`,
    )
  return new Map(stdout.split('\n').filter(Boolean).map(byName))
}

/** `DIGEST  ./NAME`, or `DIGEST *./NAME` as openssl writes it. */
function byName(text: string): readonly [string, string] {
  const [, digest = '', name = text] = /^(\w+) [ *]?(.*)$/.exec(text) ?? []
  return [name, digest]
}
