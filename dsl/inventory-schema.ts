import { z } from 'zod'

/** The shape of an inventory's source. Everything may be left out that a layer above or a default gives. */

const port = z.int().min(1).max(65_535)
const absolute = z.string().regex(/^\//, { error: 'A path on a host must be absolute.' })
const argv = z.array(z.string()).min(1).describe('A command as a list of its words; no shell is between.')
const name = /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/
const named = z.string().regex(name, { error: 'A name has letters, digits, ".", "_" and "-" only.' })

const ssh = z.strictObject({
  user: z.string().min(1).optional(),
  port: port.optional(),
  identity: z
    .string()
    .min(1)
    .describe("Private key file on the worker's machine; relative to the inventory.")
    .optional(),
  knownHosts: z.string().min(1).describe('known_hosts file; relative to the inventory.').optional(),
  via: z.string().describe('Another host of the inventory to go through.').optional(),
  sudo: z.boolean().describe('Whether commands that change something run under "sudo -n".').optional(),
})

const service = z.strictObject({
  manager: z.literal('script').optional(),
  start: argv.optional(),
  stop: argv.optional(),
  status: argv.describe('Ends with 0 while etcd runs and 3 while it does not.').optional(),
  enable: argv.describe('Takes back "disable".').optional(),
  disable: argv.describe('Afterwards neither "start" nor a reboot may bring etcd up.').optional(),
})

const etcd = z.strictObject({
  scheme: z.enum(['http', 'https']).optional(),
  address: z
    .string()
    .min(1)
    .describe('What peers and clients reach it by, when not the address of the host.')
    .optional(),
  clientPort: port.optional(),
  peerPort: port.optional(),
  dataDir: absolute.optional(),
  binDir: absolute.describe('Where etcd, etcdctl and etcdutl lie.').optional(),
  service: service.optional(),
  config: z
    .strictObject({ format: z.literal('environment').optional(), path: absolute.optional() })
    .describe("Where etcd's configuration is kept.")
    .optional(),
})

export const inventorySchema = z.strictObject({
  inventory: z.literal(1).describe('The version of the format.'),
  defaults: z
    .strictObject({ ssh: ssh.optional(), workDir: absolute.optional(), etcd: etcd.optional() })
    .describe('What holds where a host or cluster says nothing else.')
    .default({}),
  hosts: z
    .record(
      named,
      z.strictObject({
        address: z
          .string()
          .min(1)
          .describe('Name or address for SSH, and for etcd unless it says otherwise.'),
        ssh: ssh.optional(),
        workDir: absolute.describe('Where Quorate keeps its jobs and backups on the host.').optional(),
        etcd: etcd.optional(),
      }),
    )
    .describe('Every host, by the name that runbooks call it.'),
  clusters: z
    .record(
      named,
      z.strictObject({
        etcd: etcd.optional(),
        members: z.record(named, z.string()).describe('Member name to host name.'),
        spares: z.array(z.string()).describe('Hosts that a member may move to.').default([]),
      }),
    )
    .describe('Every cluster, by the name that runbooks call it.'),
})

export type InventorySource = z.output<typeof inventorySchema>
export type SshSource = z.output<typeof ssh>
export type EtcdSource = z.output<typeof etcd>
export type HostSource = InventorySource['hosts'][string]
export type ClusterSource = InventorySource['clusters'][string]
