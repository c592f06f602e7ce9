import { ActionError } from '../failure.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { readBytes } from '../ssh/streams.ts'
import { fieldsOf, frameAt, recordOf } from './wal-head.ts'

/** How far a member's write-ahead log goes, as raft counts. */
export interface WalEnd {
  /** Of the last entry; 0 when the newest segment holds none yet. */
  readonly term: number
  readonly index: number
  /** The highest entry the member knew to be committed when it wrote its state last; 0 when it is not in there. */
  readonly commit: number
}

/** Reads the end of the log in a data directory. Throws `ActionError` when there is none. */
export async function walEnd(host: RemoteHost, dataDir: string, signal: AbortSignal): Promise<WalEnd> {
  const { code, stdout } = await host.exec({
    reads: true,
    argv: ['sh', '-c', newest, 'sh', dataDir],
    privileged: true,
  })
  const path = stdout.trim()
  if (code !== 0 || path === '') throw new ActionError(`${dataDir} on ${host.name} holds no log.`)
  const reader = walReader(path)
  await readBytes(host, ['cat', '--', path], reader.take, signal)
  return reader.end()
}

/** Follows a segment as it comes in; `take` returns false once what follows is of no interest. */
export function walReader(path: string) {
  let rest = Buffer.alloc(0)
  let over = false
  let end: WalEnd = { term: 0, index: before(path), commit: 0 }
  return {
    take(chunk: Buffer): boolean {
      rest = Buffer.concat([rest, chunk])
      let at = 0
      while (!over) {
        const frame = frameAt(rest, at)
        if (frame === 'more') break
        const next = frame === 'end' ? undefined : following(end, frame.bytes)
        if (frame === 'end' || next === undefined) over = true
        else [end, at] = [next, frame.next]
      }
      rest = rest.subarray(at)
      return !over
    },
    end: () => end,
  }
}

/** A segment's name says its number and the index of the first entry that may be in it. */
function before(path: string): number {
  const [, index] = /-([0-9a-f]{16})\.wal$/.exec(path) ?? []
  return index === undefined ? 0 : Math.max(0, Number.parseInt(index, 16) - 1)
}

const kinds = { entry: 2n, state: 3n, others: [1n, 4n, 5n] } as const

/** `undefined` for what is no record: a write that was torn off is the end of the log. */
function following(end: WalEnd, frame: Buffer): WalEnd | undefined {
  const { type, data } = recordOf(frame)
  if (typeof type !== 'bigint') return undefined
  if (type === kinds.entry && data) {
    const fields = fieldsOf(data)
    return { ...end, term: number(fields.get(2)), index: number(fields.get(3)) }
  }
  if (type === kinds.state && data) return { ...end, commit: number(fieldsOf(data).get(3)) }
  return kinds.others.some((other) => other === type) ? end : undefined
}

function number(field: bigint | Buffer | undefined): number {
  return typeof field === 'bigint' ? Number(field) : 0
}

const newest = String.raw`
newest=
for segment in "$1"/member/wal/*.wal; do [ -f "$segment" ] && newest=$segment; done
printf '%s\n' "$newest"
`
