import { basename } from 'node:path/posix'
import { z } from 'zod'
import type { Cluster } from '../../dsl/inventory.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { decryptedWith, type Transform } from '../backup/age.ts'
import { sendFile } from '../backup/send-file.ts'
import { digestFunctions } from '../backup/snapshot-script.ts'
import { type Backup, findBackups } from '../backup/store.ts'
import { ActionError, InputError } from '../failure.ts'
import { jobKey } from '../host/job-key.ts'
import { clusterNamed } from '../inventory/look-up.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'

export const snapshotDistribute = defineAction({
  name: 'snapshot.distribute',
  title: 'send the snapshot to the hosts',
  doc: 'Sends one snapshot to several hosts, into their work directories, the same file to each, proven by its SHA-256. An encrypted backup is decrypted on its way through the worker, which has the identity; where a manifest lies beside the file, what comes out must be what it says. Repeated, it sends only what is missing.',
  effect: 'change',
  subject: ['cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    host: z.string().describe('The host the snapshot lies on'),
    path: z.string().describe('Its path there'),
    to: z.array(z.string()).min(1).describe('The hosts that get it'),
  }),
  output: z.strictObject({
    paths: z.record(z.string(), z.string()).describe('Where it lies now, by host'),
    sha256: z.string().describe('SHA-256 of the file on every host'),
  }),
  example: {
    cluster: 'demo',
    host: 'host-4',
    path: '/var/lib/quorate/backups/demo.db',
    to: ['host-1', 'host-2'],
  },
  timeoutMs: 4 * 60 * 60_000,
  run: async ({ cluster: name, host, path, to }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const from = { host: context.host(host), path }
    const directory = path.slice(0, path.lastIndexOf('/'))
    const { backups } = await findBackups(context, name, [{ host, directory }])
    const backup = backups.find((each) => each.path === path)
    const through = await decryption(cluster, path)
    const sha256 = through ? backup?.manifest.sha256 : await digestOf(from.host, path)
    refuseChanged(backup, sha256, path)
    const file = basename(path).replace(/\.age$/, '')
    const sent = await Promise.all(
      to.map(async (target) => {
        const place = {
          host: context.host(target),
          path: `${receivedIn(context.host(target), context)}/${file}`,
        }
        if (sha256 !== undefined && (await digestOf(place.host, place.path).catch(() => '')) === sha256)
          return { host: target, path: place.path, sha256 }
        const { sha256: arrived } = await sendFile({
          ...{ from, to: place, signal: context.signal },
          ...(through && { through }),
          ...(sha256 !== undefined && { arrives: sha256 }),
        })
        return { host: target, path: place.path, sha256: arrived }
      }),
    )
    return {
      paths: Object.fromEntries(sent.map((each) => [each.host, each.path])),
      sha256: theSame(
        sent.map((each) => each.sha256),
        path,
      ),
    }
  },
})

export const snapshotDiscard = defineAction({
  name: 'snapshot.discard',
  title: 'remove the copies of the snapshot',
  doc: 'Removes what snapshot.distribute of this run laid on hosts. The snapshot it sent stays where it was.',
  effect: 'change',
  subject: ['cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    hosts: z.array(z.string()).describe('The hosts that got it'),
  }),
  output: z.strictObject({ removed: z.array(z.string()).describe('What was removed, HOST:DIRECTORY') }),
  example: { cluster: 'demo', hosts: ['host-1', 'host-2'] },
  run: async ({ hosts }, context) => {
    const removed = hosts.map(async (name) => {
      const host = context.host(name)
      const directory = receivedIn(host, context)
      const argv = ['rm', '-rf', '--', directory]
      await host.job(jobKey(context), { argv }, { signal: context.signal })
      return `${name}:${directory}`
    })
    return { removed: await Promise.all(removed) }
  },
})

/** Of this run alone, in the work directory; snapshot.discard removes it with all that lies in it. */
export function receivedIn(host: RemoteHost, { run }: Pick<ActionContext, 'run'>): string {
  return `${host.workDir}/restore/${run.key.replace(/[^A-Za-z0-9._-]/g, '_')}`
}

async function decryption({ name, backup }: Cluster, path: string): Promise<Transform | undefined> {
  if (!path.endsWith('.age')) return undefined
  if (backup?.identity !== undefined) return decryptedWith(backup.identity)
  throw new InputError(
    `${path} is encrypted, and the inventory names no identity to decrypt it with (clusters.${name}.backup.identity).`,
  )
}

/** Throws `ActionError` when there is no such file. */
async function digestOf(host: RemoteHost, path: string): Promise<string> {
  const { code, stdout, stderr } = await host.exec({
    reads: true,
    argv: [
      'sh',
      '-c',
      `${digestFunctions}\n[ -f "$1" ] || { echo 'there is no such file' >&2; exit 1; }\ndigest <"$1"`,
      'digest',
      path,
    ],
    ...{ privileged: true, timeoutMs: 30 * 60_000 },
  })
  if (code === 0) return stdout.trim()
  throw new ActionError(`${path} on ${host.name} cannot be read: ${stderr.trim()}.`)
}

function refuseChanged(backup: Backup | undefined, sha256: string | undefined, path: string): void {
  if (!backup || backup.manifest.sha256 === sha256) return
  throw new ActionError(
    `${path} on ${backup.host} is not what was backed up (SHA-256 ${sha256}, its manifest says ${backup.manifest.sha256}). Choose another backup.`,
  )
}

function theSame(digests: readonly string[], path: string): string {
  const [first = '', ...others] = digests
  if (others.every((digest) => digest === first)) return first
  throw new ActionError(
    `What came of ${path} differs from host to host (SHA-256 ${digests.join(', ')}). Retry.`,
  )
}
