import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { unzipSync } from 'fflate'

/** Files by their base name. */
export type ExtractedFiles = ReadonlyMap<string, Uint8Array>

/**
 * Takes the files with the base names `wanted` out of a zip archive (a wheel is one) or a `.tar.gz`.
 * Only base names are used, so no archive can write outside of where the caller puts them.
 * Throws when one of them is not in it, or the archive is damaged.
 */
export async function extractFiles(archive: Uint8Array, wanted: readonly string[]): Promise<ExtractedFiles> {
  const files = isZip(archive) ? filesInZip(archive, wanted) : filesInTar(await gunzipped(archive), wanted)
  const missing = wanted.filter((name) => !files.has(name))
  if (missing.length > 0) throw new Error(`the archive holds no ${missing.join(', no ')}`)
  return files
}

function isZip(archive: Uint8Array): boolean {
  return archive[0] === 0x50 && archive[1] === 0x4b
}

function filesInZip(archive: Uint8Array, wanted: readonly string[]): ExtractedFiles {
  const entries = unzipSync(archive, { filter: (entry) => wanted.includes(baseName(entry.name)) })
  return new Map(Object.entries(entries).map(([name, content]) => [baseName(name), content]))
}

const gunzipped = promisify<Uint8Array, Buffer>(gunzip)

/** Source: POSIX ustar: 512-byte headers, name at 0, size in octal at 124, type at 156 ("0" or NUL is a file). */
function filesInTar(tar: Uint8Array, wanted: readonly string[]): ExtractedFiles {
  const files = new Map<string, Uint8Array>()
  let offset = 0
  while (offset + BLOCK_BYTES <= tar.length && tar[offset] !== 0) {
    const name = baseName(text(tar, offset, 100))
    const sizeBytes = Number.parseInt(text(tar, offset + 124, 12).trim(), 8)
    const start = offset + BLOCK_BYTES
    if (!(sizeBytes >= 0) || start + sizeBytes > tar.length)
      throw new Error('the archive is cut off or damaged')
    const isFile = tar[offset + 156] === 0x30 || tar[offset + 156] === 0
    if (isFile && wanted.includes(name)) files.set(name, tar.subarray(start, start + sizeBytes))
    offset = start + Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES
  }
  return files
}

const BLOCK_BYTES = 512

function text(bytes: Uint8Array, offset: number, lengthBytes: number): string {
  const field = bytes.subarray(offset, offset + lengthBytes)
  const end = field.indexOf(0)
  return new TextDecoder().decode(end === -1 ? field : field.subarray(0, end))
}

function baseName(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1)
}
