import { readFileSync } from 'node:fs'
import { z } from 'zod'

/** What runs etcd on a host; `none`: no etcd at all. */
const kinds = ['systemd', 'docker', 'supervise', 'script', 'haproxy'] as const

const host = z.object({
  name: z.string(),
  address: z.string(),
  kind: z.enum(kinds),
})

/** All that is needed to handle a lab from another process, and to end it when its owner is gone. */
const record = z.object({
  /** The third part of its addresses, which names all that is its own on this machine. */
  number: z.int(),
  directory: z.string(),
  cluster: z.string(),
  tls: z.boolean(),
  /** e.g. `3.6.16`, all that are on the hosts; the first one is used. */
  versions: z.array(z.string()),
  /** Read-only directories that the hosts' file systems are made of, the uppermost first. */
  layers: z.array(z.string()),
  diskMiB: z.int(),
  /** Where etcd.service lies on hosts with systemd. */
  unitDirectory: z.string(),
  members: z.record(z.string(), z.string()),
  spares: z.array(z.string()),
  hosts: z.array(host),
  /** Who ends it; nobody when it was left running by a command. */
  owner: z.object({ pid: z.int(), startedTicks: z.string() }).optional(),
  /** ISO UTC. */
  since: z.string(),
})

export type HostsLabRecord = z.output<typeof record>
export type LabHostKind = (typeof kinds)[number]
export type RecordedHost = HostsLabRecord['hosts'][number]

/** Undefined when there is none that can be read. */
export function readRecord(file: string): HostsLabRecord | undefined {
  try {
    return record.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return undefined
  }
}

/** Tells a process from another that got its number later. Undefined when there is none. */
export function startedTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // proc_pid_stat(5): field 22; the name in field 2 may hold blanks and brackets.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
