/** Keeps the last `limitBytes` of a stream, however much flows by. */
export class Tail {
  #chunks: Buffer[] = []
  #kept = 0
  #total = 0
  readonly #limitBytes: number

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#kept += chunk.length
    this.#total += chunk.length
    while (this.#kept - (this.#chunks[0]?.length ?? 0) >= this.#limitBytes) {
      this.#kept -= this.#chunks.shift()?.length ?? 0
    }
  }

  /** All that flowed by, kept or not. */
  get totalBytes(): number {
    return this.#total
  }

  get lostBytes(): number {
    return Math.max(0, this.#total - this.#limitBytes)
  }

  bytes(): Buffer {
    const all = Buffer.concat(this.#chunks)
    return all.subarray(Math.max(0, all.length - this.#limitBytes))
  }

  text(): string {
    return this.bytes().toString('utf8')
  }
}
