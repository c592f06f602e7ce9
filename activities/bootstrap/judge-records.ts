import type { EtcdLayout } from '../../dsl/inventory.ts'
import type { SrvAnswer } from './dns-message.ts'

/** What one host gets to see of DNS. */
export interface RecordsSeen {
  readonly on: string
  /** The name that etcd will ask for. */
  readonly wanted: string
  /** The one it asks for as well, with or without TLS, and whose records it would add. */
  readonly other: string
  readonly answer: SrvAnswer
  readonly stray: SrvAnswer
  /** By target, as the host resolves it. */
  readonly addresses: ReadonlyMap<string, readonly string[]>
}

interface Member {
  readonly host: string
  readonly layout: EtcdLayout
}

/** Why the records do not describe exactly these members, a sentence each. Pure. */
export function judgeRecords(members: readonly Member[], seen: RecordsSeen): readonly string[] {
  const { on, wanted, other, answer, stray, addresses } = seen
  if (answer.kind === 'failed') return [`${on} could not ask for ${wanted}: ${answer.why}.`]
  if (answer.kind === 'none') return [`${wanted} has no SRV records, asked from ${on}: make them.`]
  const expected = members.map(({ host, layout }) => ({ host, at: placeOf(layout.address, layout.peerPort) }))
  const found = answer.records.map(({ target, port }) => placeOf(target, port))
  return [
    ...expected
      .filter(({ at }) => !found.includes(at))
      .map(
        ({ host, at }) =>
          `${wanted} does not name ${at} (${host}), asked from ${on}: it names ${[...found].toSorted().join(', ')}. Correct the record, or the host's etcd address in the inventory, which must be the name that the record has.`,
      ),
    ...found
      .filter((at) => !expected.some((each) => each.at === at))
      .map(
        (at) => `${wanted} names ${at}, asked from ${on}, which is no member of the inventory: take it out.`,
      ),
    ...answer.records
      .filter(({ target }) => (addresses.get(target) ?? []).length === 0)
      .map(({ target }) => `${on} finds no address for ${target}, which ${wanted} names.`),
    ...(stray.kind === 'records'
      ? [`${other} has SRV records as well, asked from ${on}, and etcd would add them: take them out.`]
      : []),
  ]
}

function placeOf(name: string, port: number): string {
  return `${name.toLowerCase().replace(/\.$/, '')}:${port}`
}
