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
  manager: z
    .enum(['systemd', 'docker', 'supervise', 'script'])
    .describe('What runs etcd; "script" unless said otherwise.')
    .optional(),
  unit: z.string().min(1).describe('systemd: the unit, "etcd.service" unless said otherwise.').optional(),
  container: z.string().min(1).describe('docker: the container, "etcd" unless said otherwise.').optional(),
  directory: absolute.describe('supervise: the service directory.').optional(),
  start: argv.optional(),
  stop: argv.optional(),
  status: argv.describe('Ends with 0 while etcd runs and 3 while it does not.').optional(),
  enable: argv.describe('Takes back "disable".').optional(),
  disable: argv.describe('Afterwards neither "start" nor a reboot may bring etcd up.').optional(),
  log: absolute
    .describe("script and supervise: the file etcd's log goes to, so that a failed start can say why.")
    .optional(),
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
  versionsDir: absolute
    .describe('Where versions of them lie side by side, a directory each; binDir is then a link to one.')
    .optional(),
  service: service.optional(),
  config: z
    .strictObject({
      format: z.enum(['environment', 'yaml', 'unit', 'script']).optional(),
      path: absolute.optional(),
    })
    .describe("Where etcd's configuration is kept.")
    .optional(),
})

const file = (what: string) => z.string().min(1).describe(`${what}; relative to the inventory.`)

const tls = z.strictObject({
  ca: file('Certificate of the authority that signed the members'),
  cert: file('Certificate to show to the members').optional(),
  key: file('Its key').optional(),
})

const auth = z.strictObject({
  user: z.string().min(1),
  password: z
    .string()
    .regex(/^(env|file):.+/, { error: 'A password is given as env:NAME or file:PATH, never itself.' }),
})

const backup = z.strictObject({
  host: z.string().describe("A host of the inventory; the member's own when left out.").optional(),
  directory: absolute.optional(),
  recipients: z.array(z.string().min(1)).describe('age recipients to encrypt to.').default([]),
  identity: file('age identity that restores and drills decrypt with').optional(),
  keep: z.int().min(1).describe('The newest verified backups, always kept.').default(7),
  maxAge: z.string().describe('Older ones go, beyond those: "720h".').optional(),
})

const after = z
  .strictObject({
    haproxy: z
      .array(z.strictObject({ host: z.string(), path: absolute, backend: z.string().min(1), reload: argv }))
      .describe('HAProxy back ends to keep in step.')
      .default([]),
    kubeApiserver: z
      .array(
        z.strictObject({
          host: z.string(),
          kind: z.enum(['manifest', 'unit']),
          path: absolute,
          restart: argv.optional(),
        }),
      )
      .describe('API servers whose --etcd-servers is kept in step.')
      .default([]),
    firewall: z
      .strictObject({ path: absolute, reload: argv, clients: z.array(z.string()).default([]) })
      .describe("Rules for etcd's ports on every member's host, as a file of nftables.")
      .optional(),
    hostsFile: z
      .array(z.strictObject({ host: z.string(), path: absolute }))
      .describe('hosts files that name the members.')
      .default([]),
    prometheus: z
      .array(z.strictObject({ host: z.string(), path: absolute, port: port.optional() }))
      .describe('Files of targets (file_sd).')
      .default([]),
  })
  .describe('What else has to learn of a changed membership.')

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
        labels: z.record(named, named).describe('What a fleet selects clusters by: "env: prod".').optional(),
        etcd: etcd.optional(),
        members: z.record(named, z.string()).describe('Member name to host name.'),
        spares: z.array(z.string()).describe('Hosts that a member may move to.').default([]),
        tls: tls.describe('How this machine shows itself to the members.').optional(),
        auth: auth.describe("A user of etcd's access control.").optional(),
        binaries: file('Directory with a directory of programs for each version of etcd').optional(),
        backup: backup.describe('Where backups are kept, and for how long.').optional(),
        probe: z
          .boolean()
          .describe(
            'Measure how available the cluster is while a run changes it, by writing and reading the key quorate/probe/RUN.',
          )
          .default(false),
        after: after.optional(),
      }),
    )
    .describe('Every cluster, by the name that runbooks call it.'),
})

export type InventorySource = z.output<typeof inventorySchema>
export type SshSource = z.output<typeof ssh>
export type EtcdSource = z.output<typeof etcd>
export type HostSource = InventorySource['hosts'][string]
export type ClusterSource = InventorySource['clusters'][string]
