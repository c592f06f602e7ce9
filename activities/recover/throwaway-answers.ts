import { z } from 'zod'
import { hex32, lineOf } from '../backup/snapshot-script.ts'
import { ActionError } from '../failure.ts'
import { lastWords } from '../redact/secrets.ts'

/** What a throw-away etcd said of the data it was started on. Ids in lower-case hex. */
export interface ThrowawayFacts {
  readonly memberId: string
  readonly clusterId: string
  readonly version: string
  readonly revision: number
  /** Keys that are there at that revision. */
  readonly keys: number
  /** Hash of the keys at that revision, eight hex digits, comparable at the same compact revision. */
  readonly kvHash: string
  readonly compactRevision: number
  readonly members: readonly {
    readonly id: string
    readonly name: string
    readonly peerUrls: readonly string[]
  }[]
}

/** Reads what `throwaway_report` printed. Throws `ActionError` saying where. */
export function throwawayFacts(lines: readonly string[], where: string): ThrowawayFacts {
  try {
    const [{ Status }] = states.parse(parse(lineOf(lines, 'state')))
    const [{ HashKV }] = hashes.parse(parse(lineOf(lines, 'kvhash')))
    const { members } = memberList.parse(parse(lineOf(lines, 'members')))
    return {
      memberId: Status.header.member_id,
      clusterId: Status.header.cluster_id,
      version: Status.version,
      revision: Status.header.revision,
      keys: Number(lineOf(lines, 'count')),
      kvHash: hex32(HashKV.hash),
      compactRevision: HashKV.compact_revision,
      members: members.map(({ ID, name, peerURLs }) => ({ id: ID, name, peerUrls: peerURLs })),
    }
  } catch (cause) {
    if (!(cause instanceof z.ZodError) && !(cause instanceof SyntaxError)) throw cause
    const said = lastWords(lines.join(' | '), 500)
    throw new ActionError(`A throw-away etcd on ${where} told what is not understood: ${said}`, { cause })
  }
}

/** etcdctl writes 64-bit ids as numbers, which JavaScript would round. */
function parse(json: string): unknown {
  return JSON.parse(json.replace(/(":|[[,])(\d{15,})(?=[,}\]])/g, '$1"$2"'))
}

const id = z.union([z.string(), z.number()]).transform((decimal) => BigInt(decimal).toString(16))
const header = z.object({ cluster_id: id, member_id: id, revision: z.number().default(0) })
const states = z.tuple([z.object({ Status: z.object({ header, version: z.string() }) })])
const hashes = z.tuple([
  z.object({ HashKV: z.object({ hash: z.number().default(0), compact_revision: z.number().default(0) }) }),
])
const memberList = z.object({
  members: z.array(
    z.object({ ID: id, name: z.string().default(''), peerURLs: z.array(z.string()).default([]) }),
  ),
})
