/** What a waiting job script says, frame by frame: a line, and for `out` and `err` that many bytes after it. */
export type JobFrame =
  | { readonly kind: 'attached'; readonly n: number; readonly fresh: boolean }
  | { readonly kind: 'out'; readonly text: string }
  | { readonly kind: 'err'; readonly text: string }
  | { readonly kind: 'code'; readonly code: number; readonly claimedMs: number; readonly endedMs: number }
  | { readonly kind: 'lost' }
  /** There is no such job, where only attaching was asked for. */
  | { readonly kind: 'none' }
  | { readonly kind: 'end' }

/** Cuts a stream into frames as it comes. Throws on what no script of ours says. */
export class JobFrames {
  #rest = Buffer.alloc(0)
  readonly #onFrame: (frame: JobFrame) => void

  constructor(onFrame: (frame: JobFrame) => void) {
    this.#onFrame = onFrame
  }

  push(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk])
    while (this.#next());
  }

  #next(): boolean {
    const end = this.#rest.indexOf('\n')
    if (end < 0) return false
    const words = this.#rest.toString('utf8', 0, end).split(' ')
    const bytes = bodyBytes(words)
    const bodyAt = end + 1
    if (this.#rest.length < bodyAt + bytes) return false
    const body = this.#rest.toString('utf8', bodyAt, bodyAt + bytes)
    this.#rest = this.#rest.subarray(bodyAt + bytes)
    this.#onFrame(parseFrame(words, body))
    return true
  }
}

const bodyBytes = ([kind, size]: readonly string[]): number =>
  kind === 'out' || kind === 'err' ? Number(size) : 0

function parseFrame(words: readonly string[], body: string): JobFrame {
  const [kind, first, second, third] = words
  switch (kind) {
    case 'attached':
      return { kind, n: Number(first), fresh: second === 'new' }
    case 'out':
    case 'err':
      return { kind, text: body }
    case 'code':
      return { kind, code: Number(first), claimedMs: Number(second) * 1000, endedMs: Number(third) * 1000 }
    case 'lost':
    case 'none':
    case 'end':
      return { kind }
    case undefined:
    default:
      throw new Error(
        `The job script said ${JSON.stringify(words.join(' ').slice(0, 200))}, which it never should.`,
      )
  }
}
