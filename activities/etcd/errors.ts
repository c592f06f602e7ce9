import { ActionError } from '../failure.ts'

/** Why a call to a member did not succeed; `unrecognised` keeps etcd's own words. */
export type EtcdErrorCode =
  | 'unreachable'
  | 'noAnswerInTime'
  | 'cancelled'
  | 'noLeader'
  | 'leaderChanged'
  | 'notLeader'
  | 'badTransferee'
  | 'timedOut'
  | 'stopped'
  | 'unhealthyCluster'
  | 'notEnoughStartedMembers'
  | 'memberNotFound'
  | 'memberExists'
  | 'peerUrlExists'
  | 'learnerNotInSync'
  | 'notALearner'
  | 'tooManyLearners'
  | 'askedALearner'
  | 'noSpace'
  | 'corrupt'
  | 'compacted'
  | 'futureRevision'
  | 'tooManyRequests'
  | 'permissionDenied'
  | 'notAuthenticated'
  | 'wrongPassword'
  | 'tokenInvalid'
  | 'certificateExpired'
  | 'unknownAuthority'
  | 'nameNotInCertificate'
  | 'certificateWanted'
  | 'certificateRefused'
  | 'certificateUnusable'
  | 'notTls'
  | 'tlsBroken'
  | 'clusterIdMismatch'
  | 'unmatchedMembership'
  | 'permanentlyRemoved'
  | 'staleData'
  | 'mixedData'
  | 'foreignData'
  | 'noVoterLeft'
  | 'unrecognised'

/** A call that one member did not answer as hoped. `words` is what etcd (or the connection) said. */
export class EtcdError extends ActionError {
  readonly code: EtcdErrorCode
  readonly words: string
  readonly host: string

  constructor(failed: {
    readonly call: string
    readonly host: string
    readonly url: string
    readonly words: string
    readonly grpcCode?: number
  }) {
    const code = etcdErrorCode(failed.words, failed.grpcCode)
    super(`${failed.call} on ${failed.host} (${failed.url}): ${failed.words}. ${sentences[code]}`.trim())
    this.code = code
    this.words = failed.words
    this.host = failed.host
  }

  /** Whether a change that ended like this may have happened, or may happen yet. */
  get ambiguous(): boolean {
    return ambiguous.has(this.code)
  }
}

/**
 * Recognises etcd's own words, from an answer or a log line. The gRPC code alone is too coarse:
 * FAILED_PRECONDITION covers four causes, and "unhealthy cluster" comes as UNAVAILABLE.
 */
export function etcdErrorCode(words: string, grpcCode?: number): EtcdErrorCode {
  const known = phrases.find(([phrase]) => words.includes(phrase))
  return known?.[1] ?? (grpcCode === undefined ? undefined : byGrpcCode[grpcCode]) ?? 'unrecognised'
}

/** The reason in what gRPC says of a connection that did not come about, without its frame and OpenSSL's. */
export function connectionWords(details: string): string {
  const [, reason = details] =
    /^No connection established\. Last error: ([\s\S]*?)(?:\. Resolution note:.*)?$/.exec(details) ?? []
  const [, alert] = /SSL routines:[^:]*:([^:]+):/.exec(reason) ?? []
  if (alert !== undefined) return `TLS: ${alert}`
  const plain = reason.replace(/\s*\(\d{4}-\d\d-\d\dT[^)]*\)\s*/, '').replace(/^Error(?: \[\w+\])?: /, '')
  return plain.trim().replace(/\.$/, '')
}

/** What etcd's words mean and what to do next, for a person; empty when they are not known. */
export function explainEtcd(words: string): string {
  return sentences[etcdErrorCode(words)]
}

/** Source: messages of `api/v3rpc/rpctypes` and of the server's and raft's logs, etcd 3.4 to 3.7. */
const phrases: readonly (readonly [string, EtcdErrorCode])[] = [
  ['permanently removed from the cluster', 'permanentlyRemoved'],
  ['data-dir used by this member must be removed', 'permanentlyRemoved'],
  ['re-configuration failed due to not enough started members', 'notEnoughStartedMembers'],
  ['not enough started members', 'notEnoughStartedMembers'],
  ['unhealthy cluster', 'unhealthyCluster'],
  ['member not found', 'memberNotFound'],
  ['member ID already exist', 'memberExists'],
  ['Peer URLs already exists', 'peerUrlExists'],
  ['can only promote a learner member which is in sync', 'learnerNotInSync'],
  ['can only promote a learner', 'notALearner'],
  ['too many learner members', 'tooManyLearners'],
  ['rpc not supported for learner', 'askedALearner'],
  ['bad leader transferee', 'badTransferee'],
  ['not leader', 'notLeader'],
  ['leader changed', 'leaderChanged'],
  ['no leader', 'noLeader'],
  ['request timed out', 'timedOut'],
  ['server stopped', 'stopped'],
  ['database space exceeded', 'noSpace'],
  ['corrupt cluster', 'corrupt'],
  ['required revision has been compacted', 'compacted'],
  ['required revision is a future revision', 'futureRevision'],
  ['too many requests', 'tooManyRequests'],
  ['permission denied', 'permissionDenied'],
  ['user name is empty', 'notAuthenticated'],
  ['invalid auth token', 'tokenInvalid'],
  ['revision of auth store is old', 'tokenInvalid'],
  ['authentication failed', 'wrongPassword'],
  ['cluster ID mismatch', 'clusterIdMismatch'],
  ['member count is unequal', 'unmatchedMembership'],
  ['unmatched member while checking PeerURLs', 'unmatchedMembership'],
  ['is out of range [lastIndex', 'staleData'],
  ['failed to update; member unknown', 'mixedData'],
  ['removed all voters', 'noVoterLeft'],
  ['to mismatch member', 'foreignData'],
  ['certificate has expired', 'certificateExpired'],
  ['certificate is not yet valid', 'certificateExpired'],
  ['alert certificate expired', 'certificateRefused'],
  ['alert certificate required', 'certificateWanted'],
  ["client didn't provide a certificate", 'certificateWanted'],
  ['alert bad certificate', 'certificateRefused'],
  ['alert unsupported certificate', 'certificateRefused'],
  ['alert unknown ca', 'certificateRefused'],
  ['tls: bad certificate', 'certificateRefused'],
  ['unable to verify the first certificate', 'unknownAuthority'],
  ['unable to get local issuer certificate', 'unknownAuthority'],
  ['unable to get issuer certificate', 'unknownAuthority'],
  ['self-signed certificate', 'unknownAuthority'],
  ['certificate signed by unknown authority', 'unknownAuthority'],
  ["does not match certificate's altnames", 'nameNotInCertificate'],
  ['certificate is valid for', 'nameNotInCertificate'],
  ["doesn't contain any IP SANs", 'nameNotInCertificate'],
  ['does not match any of DNSNames', 'nameNotInCertificate'],
  ['certificate specifies an incompatible key usage', 'certificateUnusable'],
  ['unsuitable certificate purpose', 'certificateUnusable'],
  ['private key does not match public key', 'certificateUnusable'],
  ['first record does not look like a TLS handshake', 'notTls'],
  ['disconnected before secure TLS connection', 'notTls'],
  ['TLS: wrong version number', 'notTls'],
  ['HTTP request to an HTTPS server', 'notTls'],
  ['Failed to connect', 'notTls'],
  ['TLS: ', 'tlsBroken'],
]

/** Numbers of gRPC's status codes: CANCELLED, DEADLINE_EXCEEDED, PERMISSION_DENIED, UNAVAILABLE, UNAUTHENTICATED. */
const byGrpcCode: Readonly<Record<number, EtcdErrorCode>> = {
  1: 'cancelled',
  4: 'noAnswerInTime',
  7: 'permissionDenied',
  14: 'unreachable',
  16: 'notAuthenticated',
}

const ambiguous: ReadonlySet<EtcdErrorCode> = new Set([
  'unreachable',
  'noAnswerInTime',
  'cancelled',
  'timedOut',
  'leaderChanged',
  'stopped',
  'unrecognised',
])

const sentences: Readonly<Record<EtcdErrorCode, string>> = {
  unreachable:
    'Nothing answers there: look whether etcd runs and whether the port can be reached from the worker.',
  noAnswerInTime:
    'It took the connection and did not answer in time: the process may be frozen, or wait for its peers.',
  cancelled: 'The call was broken off from this side.',
  noLeader: 'The cluster has no leader at this moment: an election is under way, or the quorum is lost.',
  leaderChanged: 'The leader changed meanwhile: an election, not a fault. Ask again.',
  notLeader: 'Only the leader takes this call, and it has moved: look who leads now.',
  badTransferee: 'The member chosen to lead cannot: it is a learner or not part of the cluster.',
  timedOut: 'The member could not get an answer from the quorum in time.',
  stopped: 'The member is shutting down.',
  unhealthyCluster:
    'etcd refuses to change its membership while a voter is down, or was connected less than 5 s ago. Bring the voter back, or remove it first.',
  notEnoughStartedMembers:
    'etcd refuses to change its membership because an added member never started. Start it, or remove it first.',
  memberNotFound: 'The cluster has no such member: it was removed, or the id belongs to another cluster.',
  memberExists: 'A former try added it already: adopt that member or remove it.',
  peerUrlExists: 'Another member has this peer URL already: adopt that member or remove it.',
  learnerNotInSync: 'The learner is still catching up: wait, then promote it.',
  notALearner: 'The member votes already.',
  tooManyLearners: 'The cluster has a learner already: promote or remove it first.',
  askedALearner: 'A learner does not answer this: ask a voter.',
  noSpace:
    'The backend is full (NOSPACE): compact, defragment each member, then disarm the alarm. Nothing else will go through before.',
  corrupt: 'A CORRUPT alarm is raised: replace the member it names; do not trust its data.',
  compacted: 'That revision has been compacted away: ask for a newer one.',
  futureRevision: 'The member has not reached that revision yet.',
  tooManyRequests: 'The member is overloaded: its log runs ahead of what it has applied.',
  permissionDenied:
    'The user may not do this: it needs the root role. Without `auth` of the cluster in the inventory it is the user that the certificate names.',
  notAuthenticated:
    'The cluster asks for a user and password: name them under `auth` of the cluster in the inventory.',
  wrongPassword: 'User or password is wrong: correct `auth` of the cluster in the inventory.',
  tokenInvalid: 'The member no longer takes the token it gave out: ask again.',
  certificateExpired:
    'A certificate there is out of date, or a clock is wrong: renew it (member by member, etcd reads it again by itself) and compare the clocks.',
  unknownAuthority:
    'The certificate there was signed by an authority that this side does not trust: give the right one as `tls.ca` of the cluster in the inventory, or as trusted-ca-file to etcd.',
  nameNotInCertificate:
    'The certificate there does not name the address it was asked by: issue it anew with that address among its subject alternative names, or correct the address in the inventory.',
  certificateWanted:
    'The member wants to see a certificate: give `tls.cert` and `tls.key` of the cluster in the inventory.',
  certificateRefused:
    'The member does not take the certificate it was shown: it must be in date, for client use, and signed by the authority in its trusted-ca-file.',
  certificateUnusable:
    'The certificate is not made for this use, or its key is another: issue it for both server and client use, with its own key.',
  notTls:
    'The connection was closed before a word was said: mostly one side speaks TLS and the other does not. Look at `scheme` in the inventory and at the URLs etcd was started with.',
  tlsBroken: 'The TLS handshake failed: look at the certificates of both sides.',
  clusterIdMismatch:
    'A member of another cluster answers on that peer URL, or stale data was started: set that data directory aside and join again.',
  unmatchedMembership:
    'The initial cluster it was started with is not the membership of now: take it from what `member add` answered.',
  permanentlyRemoved:
    'Its data belongs to a member that was removed: set the directory aside and add the member anew.',
  staleData:
    'It was started with older data than it had acknowledged: stop it, keep it fenced and replace the member. Do not restart it.',
  mixedData:
    'Its log tells of a member that its data does not know: one was restored beside the other. Set aside the data directory and, where there is one, the wal-dir, and restore or join again.',
  foreignData:
    'It runs on the data of another member: stop it, set that data directory aside, and start it on its own data or join anew. See that the other member is well.',
  noVoterLeft:
    'force-new-cluster was used on the data of a member that did not vote: a learner, or one that was removed. Take the data of a voter, or a snapshot.',
  unrecognised: '',
}
