import { type FileHandle, open } from 'node:fs/promises'
import type { AnchorPlace } from './anchor.ts'
import { anchorLine, readAnchors } from './anchor-line.ts'
import { codeOf } from './failure.ts'

/** A file of lines, best on another machine's disk, where this one may only append. One record a file. */
export function anchorFile(path: string): AnchorPlace {
  return {
    name: path,
    async last(archive) {
      const last = readAnchors(await tailOf(path)).at(-1)
      if (last === undefined) return 0
      for await (const { checkpoint, hash } of archive.checkpoints(undefined, last.n - 1))
        if (checkpoint.n === last.n && hash === last.hash) return last.n
        else break
      throw new Error(
        `its last line is about checkpoint ${last.n}, which ${archive.name} does not have as it was: the file is of another record, or this one was changed; verify it with these anchors`,
      )
    },
    async put(checkpoints) {
      const lines = checkpoints.map((checkpoint) => `${anchorLine(checkpoint)}\n`).join('')
      const file = await open(path, 'a', 0o644)
      try {
        // Of a line that was cut short, as by a full disk, nothing is believed.
        const cut = (await tailOf(path)).slice(-1)
        await file.appendFile(cut === '' || cut === '\n' ? lines : `\n${lines}`)
        await file.sync()
      } finally {
        await file.close()
      }
    },
  }
}

/** Many times a line. */
const TAIL_BYTES = 64 * 1024

/** The end of a file; "" when there is none. */
async function tailOf(path: string): Promise<string> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return ''
    throw error
  }
  try {
    const { size } = await file.stat()
    const length = Math.min(size, TAIL_BYTES)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.subarray(0, bytesRead).toString()
  } finally {
    await file.close()
  }
}
