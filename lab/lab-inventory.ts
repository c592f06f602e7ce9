import { Document, isScalar, isSeq, visit } from 'yaml'
import type { HostLayout } from './layout.ts'

/** What the lab knows of one of its hosts. */
export interface LabHostFacts {
  readonly name: string
  readonly address: string
  readonly sshPort: number
  readonly clientPort: number
  readonly peerPort: number
  readonly layout: HostLayout
}

export interface LabCluster {
  /** Member name to host name. */
  readonly members: Readonly<Record<string, string>>
  readonly spares: readonly string[]
}

export interface LabInventory {
  readonly user: string
  readonly identity: string
  readonly knownHosts: string
  readonly hosts: readonly LabHostFacts[]
  readonly clusters: Readonly<Record<string, LabCluster>>
}

/** The inventory of a process lab as YAML, commented: it is the example newcomers copy from. */
export function labInventory(lab: LabInventory): string {
  return [
    `${head}inventory: 1`,
    defaultsComment +
      section('defaults', { ssh: { user: lab.user, identity: lab.identity, knownHosts: lab.knownHosts } }),
    hostsComment +
      section('hosts', Object.fromEntries(lab.hosts.map((host) => [host.name, hostEntry(host)]))),
    clustersComment + section('clusters', lab.clusters),
  ].join('\n\n')
}

const head = `# The inventory: which clusters there are, where their members run, and how to reach and handle them.
# A run reads it when it starts, and writes to it only where a member moved.
# \`quorate inventory check\` asks every host and member whether all this is true.
`

const defaultsComment = `# What holds for every host that says nothing else. Host keys are always checked, against knownHosts.
`

const hostsComment = `# The hosts. On real machines most of this is the same everywhere and belongs under "defaults";
# the hosts of this lab share one machine, so each has its own ports and directories.
`

const clustersComment = `# The clusters: which member runs on which host, and on which hosts a member may move to.
`

/** Short lists and maps on one line, as one would write them by hand. */
function section(name: string, value: unknown): string {
  const document = new Document({ [name]: value })
  visit(document, {
    Seq: (_key, node) => {
      node.flow = true
    },
    Map: (_key, node) => {
      node.flow = node.items.length === 1 && node.items.every(({ value }) => isScalar(value) || isSeq(value))
    },
  })
  return document.toString({ lineWidth: 0 }).trimEnd()
}

function hostEntry({ address, sshPort, clientPort, peerPort, layout }: LabHostFacts) {
  const script = (name: string) => [`${layout.bin}/${name}`]
  return {
    address,
    ssh: { port: sshPort },
    workDir: layout.workDir,
    etcd: {
      clientPort,
      peerPort,
      dataDir: layout.dataDir,
      binDir: layout.bin,
      config: { format: 'environment', path: layout.environment },
      service: {
        manager: 'script',
        start: script('etcd-start'),
        stop: script('etcd-stop'),
        status: script('etcd-status'),
        enable: script('etcd-enable'),
        disable: script('etcd-disable'),
      },
    },
  }
}
