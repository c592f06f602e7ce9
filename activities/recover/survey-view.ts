import { z } from 'zod'
import { backupView } from '../backup/view.ts'

const text = z.string()
const whole = z.int()

/** What is left on one host. What could not be learnt is "", 0 or false, never left out. */
export const hostView = z.strictObject({
  host: text.describe('The host'),
  member: text.describe('The member the inventory has there; "" on a spare'),
  reachable: z.boolean().describe('It answers over SSH'),
  why: text.describe('Why it does not, or why its data cannot be used, as a sentence; "" when it can'),
  service: z
    .enum(['running', 'restarting', 'stopped', 'unknown'])
    .describe('What its service manager says of etcd'),
  answers: z.boolean().describe('Its etcd answers clients, led or not'),
  data: z
    .enum(['there', 'none', 'unknown'])
    .describe('Whether a data directory lies where etcd would look for it'),
  open: z.boolean().describe('A process has its database open'),
  readable: z.boolean().describe('It is stopped, and database and log can be read'),
  owner: text.describe('USER:GROUP of the data directory'),
  path: text.describe('The data directory'),
  memberId: text.describe('ID of the member whose data it is, by its log'),
  clusterId: text.describe('ID of the cluster it belongs to, by its log'),
  term: whole.describe('Raft term of the last entry in its log'),
  index: whole.describe('Raft index of the last entry in its log'),
  commit: whole.describe('The highest entry it is known to have taken for committed'),
  revision: whole.describe(
    'Revision of its database, read from a copy; what is only in the log comes on top',
  ),
  totalKey: whole.describe(
    'Keys in its database as etcdutl counts: keys since 3.6, entries of all buckets before',
  ),
  hash: text.describe('Hash of its database as etcdutl tells it'),
  dbSizeBytes: whole.describe('Size of its database'),
  etcdVersion: text.describe('Version of the etcd that is installed'),
  aside: z.array(text).describe('Data directories that were set aside beside it'),
})

export const choice = z.strictObject({
  possible: z.boolean().describe('It can be done at all'),
  host: text.describe('The host of the data directory, or of the snapshot'),
  path: text.describe('The data directory or the snapshot'),
  revision: whole.describe('The revision it is at; of a survivor at least'),
  at: text.describe('When it was taken, in UTC; "" for a survivor'),
  loses: text.describe('What would be lost, as a sentence; why it is not possible, when it is not'),
})

/** What `recover.survey` says. */
export const survey = z.strictObject({
  lost: z.boolean().describe('No member that answers has a leader or serves a read through the quorum'),
  why: text.describe('Who leads or serves, or that nobody does, as a sentence'),
  hosts: z.array(hostView).describe('Every host of the cluster, members first'),
  byHost: z.record(text, hostView).describe('The same by name'),
  owner: text.describe('USER:GROUP of the data directories that were found; "" when there is none'),
  unreachable: z.array(text).describe('Hosts that do not answer over SSH'),
  unread: z
    .array(text)
    .describe('Hosts of members whose data may be newer than all that was seen: it cannot be read'),
  clusterId: text.describe('The cluster ID that most data directories have'),
  knownRevision: whole.describe(
    'The highest revision seen anywhere: databases, members that answer, backups',
  ),
  knownIndex: whole.describe('The highest raft index in any log of that cluster'),
  backups: z.array(backupView).describe('Backups, the newest first'),
  newestBackup: backupView.describe(
    'The newest that was read whole and is sound; its path is "" when there is none',
  ),
  survivor: choice.describe('Making a new cluster from the most advanced data directory'),
  snapshot: choice.describe('Restoring the newest sound backup'),
  recommend: z
    .enum(['start', 'survivor', 'snapshot', 'none'])
    .describe('"start": enough members have their data to come back by being started'),
  because: text.describe('Why, as a sentence'),
  unknown: z.array(text).describe('What could not be looked at, a sentence each'),
  summary: text.describe('All of it in lines, for a person to decide by'),
})

export type HostView = z.output<typeof hostView>
export type Choice = z.output<typeof choice>
export type Survey = z.output<typeof survey>
