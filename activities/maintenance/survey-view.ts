import { z } from 'zod'
import { inspection } from '../etcd/inspection.ts'

const text = z.string()
const whole = z.int()

/** How long a certificate is good for. */
const certificate = z.strictObject({
  path: text.describe('The file'),
  endsAt: text.describe('When it ends, in UTC'),
  days: whole.describe('Whole days until then; negative once it has ended'),
})

/** One host as it was found. What could not be learnt is `""` or -1; why, is said under `unknown`. */
export const hostSeen = z.strictObject({
  host: text.describe('The host'),
  member: text.describe('The member that the inventory has there; "" on a spare'),
  reachable: z.boolean().describe('It answers over SSH'),
  why: text.describe('Why it does not, as a sentence; "" when it does'),
  service: z
    .enum(['running', 'restarting', 'stopped', 'unknown'])
    .describe('What its service manager says of etcd'),
  fenced: z.boolean().describe('etcd is kept from being started there'),
  version: text.describe(
    'The version of etcd that is installed, which may be another than the one that runs',
  ),
  freeBytes: whole.describe('Free on the disk of the data directory; -1 when it is not known'),
  diskBytes: whole.describe('Size of that disk; -1 when it is not known'),
  clockOffsetMs: whole.describe("Its clock minus the worker's; 0 when it is not known"),
  clockWithinMs: whole.describe('How far off that may be; -1 when it is not known'),
  certificates: z.array(certificate).describe('The certificates that etcd there is started with'),
})

/** Whether a connection comes about, as tried on the host it goes out from. */
export const way = z.strictObject({
  from: text.describe('The host that tried'),
  to: text.describe('The host of a member'),
  state: z
    .enum(['open', 'closed', 'unknown'])
    .describe('Its peer port takes connections; "unknown" where the host has nothing to try it with'),
})

export const databaseSeen = z.strictObject({
  member: text.describe('The member'),
  sizeBytes: whole.describe('Size of its database'),
  inUseBytes: whole.describe('How much of that is in use'),
  quotaBytes: whole.describe('The most it may grow to; 0 when it does not say'),
  worth: z.boolean().describe('A defragmentation is worth the pause'),
})

/** What `etcd.survey` says. */
export const surveyed = z.strictObject({
  summary: text.describe('The cluster in one line'),
  advice: z.array(text).describe('What should be done, a sentence or two each, the most urgent first'),
  runbooks: z.array(text).describe('The runbooks that the advice names, in that order, each once'),
  unknown: z.array(text).describe('What could not be learnt and why, a sentence each'),
  memberLines: z.array(text).describe('The members as the lines of a table'),
  hostLines: z.array(text).describe('The hosts as the lines of a table'),
  networkLines: z
    .array(text)
    .describe('Who reaches the peer port of whom: one line when everybody does, else a table'),
  hosts: z.array(hostSeen).describe('Every host of the cluster, those of members first'),
  ways: z.array(way).describe("From every host that answers to every member's peer port, its own included"),
  databases: z.array(databaseSeen).describe('The database of every member that answers'),
  certificates: z
    .array(certificate)
    .describe("The certificates by which the worker asks, on the worker's machine"),
  etcd: inspection.describe('What etcd.inspect says; the alarm NOSPACE alone makes no member unhealthy here'),
})

export type HostSeen = z.output<typeof hostSeen>
export type Way = z.output<typeof way>
export type DatabaseSeen = z.output<typeof databaseSeen>
export type CertificateSeen = z.output<typeof certificate>
export type Survey = z.output<typeof surveyed>

/** All that advice and report are made from. */
export interface Surveyed {
  readonly cluster: string
  readonly etcd: Survey['etcd']
  readonly hosts: readonly HostSeen[]
  readonly ways: readonly Way[]
  readonly databases: readonly DatabaseSeen[]
  /** The worker's own. */
  readonly certificates: readonly CertificateSeen[]
}
