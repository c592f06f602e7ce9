/** Whose data a directory holds, as the head of every segment of its write-ahead log says. Ids in lower-case hex. */
export interface Identity {
  readonly memberId: string
  readonly clusterId: string
}

/**
 * Reads a member's identity from the first bytes of a segment of its write-ahead log: each begins with a
 * checksum record and a metadata record. `undefined` when they do not say.
 * Source: etcd `server/storage/wal` (frame: 8 bytes length and padding, then `walpb.Record`) and
 * `etcdserverpb.Metadata`, the same in 3.4 to 3.7.
 */
export function readIdentity(head: Buffer): Identity | undefined {
  const record = framesOf(head)
    .map(recordOf)
    .find(({ type }) => type === metadataType)
  if (!record?.data) return undefined
  const fields = fieldsOf(record.data)
  const [memberId, clusterId] = [fields.get(1), fields.get(2)]
  if (typeof memberId !== 'bigint' || typeof clusterId !== 'bigint') return undefined
  return { memberId: memberId.toString(16), clusterId: clusterId.toString(16) }
}

const metadataType = 1n

function framesOf(head: Buffer): readonly Buffer[] {
  const frames: Buffer[] = []
  for (let frame = frameAt(head, 0); typeof frame === 'object'; frame = frameAt(head, frame.next))
    frames.push(frame.bytes)
  return frames
}

/** The frame that begins there; `more` when it goes on behind what there is, `end` where nothing was written yet. */
export function frameAt(
  segment: Buffer,
  at: number,
): { readonly bytes: Buffer; readonly next: number } | 'more' | 'end' {
  if (at + 8 > segment.length) return 'more'
  const [length, padding] = frameLength(segment.readBigUInt64LE(at))
  if (length === 0) return 'end'
  if (at + 8 + length + padding > segment.length) return 'more'
  return { bytes: segment.subarray(at + 8, at + 8 + length), next: at + 8 + length + padding }
}

/** The top byte says how much padding follows, when its top bit is set. */
function frameLength(field: bigint): readonly [length: number, padding: number] {
  const top = Number(field >> 56n)
  return [Number(field & 0xff_ffff_ffff_ffffn), top >= 0x80 ? top & 0x7 : 0]
}

/** A record of the log: what kind it is, and what it holds. */
export function recordOf(frame: Buffer): {
  readonly type: bigint | Buffer | undefined
  readonly data: Buffer | undefined
} {
  const fields = fieldsOf(frame)
  const data = fields.get(3)
  return { type: fields.get(1), data: Buffer.isBuffer(data) ? data : undefined }
}

/** The varint and bytes fields of a protobuf message, by number; what follows anything else is left out. */
export function fieldsOf(message: Buffer): ReadonlyMap<number, bigint | Buffer> {
  const fields = new Map<number, bigint | Buffer>()
  let rest = message
  while (rest.length > 0) {
    const tag = varint(rest)
    const value = tag && varint(rest.subarray(tag.size))
    if (!tag || !value) break
    const [number, kind] = [Number(tag.value >> 3n), Number(tag.value & 7n)]
    const start = tag.size + value.size
    if (kind === 0) fields.set(number, value.value)
    else if (kind === 2) fields.set(number, rest.subarray(start, start + Number(value.value)))
    else break
    rest = rest.subarray(kind === 2 ? start + Number(value.value) : start)
  }
  return fields
}

function varint(bytes: Buffer): { readonly value: bigint; readonly size: number } | undefined {
  let value = 0n
  for (const [index, byte] of bytes.subarray(0, 10).entries()) {
    value |= BigInt(byte & 0x7f) << BigInt(7 * index)
    if (byte < 0x80) return { value: BigInt.asUintN(64, value), size: index + 1 }
  }
  return undefined
}
