import type { PlannedChange } from '../workflows/plan.ts'
import type { WorkerFiles } from './action.ts'
import type { EtcdCluster, EtcdEndpoint } from './etcd/cluster.ts'
import { asJson } from './as-json.ts'
import { SshHost } from './ssh/hosts.ts'
import type { Command, Exited, RemoteHost } from './ssh/remote-host.ts'

/** What an action would have changed, in order. */
export interface ChangeRecord {
  readonly changes: PlannedChange[]
  /** Resolves at the first. */
  readonly first: Promise<void>
  note(change: PlannedChange): void
}

/** The action went as far as it can without the answer of something that was not done. */
class Previewed extends Error {
  override readonly name = 'Previewed'
}

export function changeRecord(): ChangeRecord {
  const changes: PlannedChange[] = []
  let begun: () => void = () => undefined
  const first = new Promise<void>((resolve) => (begun = resolve))
  return {
    changes,
    first,
    note(change) {
      begun()
      if (changes.length < mostChanges) changes.push(change)
    },
  }
}

/** An action that changes things one by one for ever is seen through by then. */
const mostChanges = 60

function stop(record: ChangeRecord, change: PlannedChange): never {
  record.note(change)
  throw new Previewed('This would change something, and a plan changes nothing.')
}

/** Runs only what is said to read; a job counts as done, and what it printed is not known. */
export function previewHost(host: RemoteHost, record: ChangeRecord): RemoteHost {
  const { name, address, workDir } = host
  const command = ({ argv, stdin = '', privileged }: Command): PlannedChange => ({
    kind: 'command',
    host: name,
    argv: privileged === true && host instanceof SshHost ? host.privilegedArgv(argv) : argv,
    stdinBytes: Buffer.byteLength(stdin),
  })
  return {
    ...{ name, address, workDir, readFrom: host },
    exec: async (asked) => (asked.reads === true ? host.exec(asked) : stop(record, command(asked))),
    job: async (_key, asked) => {
      record.note(command({ ...asked, privileged: true }))
      return notDone
    },
    refuseTransfer: (what) => stop(record, { kind: 'transfer', host: name, what }),
  }
}

const notDone: Exited = {
  code: 0,
  durationMs: 0,
  get stdout(): string {
    throw new Previewed('What it prints is not known before it is run.')
  },
  get stderr(): string {
    throw new Previewed('What it prints is not known before it is run.')
  },
}

export function previewFiles(record: ChangeRecord): WorkerFiles {
  return {
    replace: async (path) => record.note({ kind: 'file', path }),
  }
}

/** Every call is named here, so that a new one changes nothing before somebody has said that it only reads. */
export function previewCluster(cluster: EtcdCluster, record: ChangeRecord): EtcdCluster {
  return {
    name: cluster.name,
    hosts: cluster.hosts,
    endpoint: (host) => previewEndpoint(cluster.endpoint(host), record),
  }
}

function previewEndpoint(endpoint: EtcdEndpoint, record: ChangeRecord): EtcdEndpoint {
  const { host, url } = endpoint
  const changing =
    <Arguments extends readonly unknown[]>(
      call: string,
      request: (...given: Arguments) => object = () => ({}),
    ): ((...given: Arguments) => Promise<never>) =>
    async (...given) =>
      stop(record, { kind: 'call', host, call, request: asJson(request(...given)) })
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
  return {
    ...{ host, url },
    status: (options) => endpoint.status(options),
    members: (linearizable, options) => endpoint.members(linearizable, options),
    readThroughQuorum: (options) => endpoint.readThroughQuorum(options),
    key: (key, revision, options) => endpoint.key(key, revision, options),
    count: (prefix, revision, options) => endpoint.count(prefix, revision, options),
    alarms: (options) => endpoint.alarms(options),
    hash: (revision, options) => endpoint.hash(revision, options),
    put: changing('KV.Put', (key: Uint8Array) => ({ key: text(key) })),
    remove: changing('KV.DeleteRange', (key: Uint8Array) => ({ key: text(key) })),
    addMember: changing('Cluster.MemberAdd', (peerUrls: readonly string[], learner: boolean) => ({
      peerUrls,
      learner,
    })),
    removeMember: changing('Cluster.MemberRemove', (id: string) => ({ id })),
    updateMember: changing('Cluster.MemberUpdate', (id: string, peerUrls: readonly string[]) => ({
      id,
      peerUrls,
    })),
    promoteMember: changing('Cluster.MemberPromote', (id: string) => ({ id })),
    moveLeader: changing('Maintenance.MoveLeader', (toId: string) => ({ toId })),
    disarm: changing('Maintenance.Alarm', (alarm: object) => ({ action: 'DEACTIVATE', ...alarm })),
    compact: changing('KV.Compact', (revision: number) => ({ revision })),
    lengthenLog: changing('Maintenance.Alarm', () => ({ action: 'DEACTIVATE' })),
    defragment: changing('Maintenance.Defragment'),
    downgrade: changing('Maintenance.Downgrade', (action: string, version: string) => ({ action, version })),
  }
}
