import { createHash } from 'node:crypto'
import { blockBytes, type Entry, type Manifest } from './copy-manifest.ts'

/** Some blocks of one file, to be sent in one go. */
export interface Range {
  readonly path: string
  readonly block: number
  readonly count: number
  readonly bytes: number
}

/** One thing the destination does to itself before anything is sent; run in this order. */
export type Operation =
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'zeros'; readonly path: string; readonly block: number; readonly count: number }
  | { readonly kind: 'size'; readonly path: string; readonly sizeBytes: number }
  | { readonly kind: 'mode'; readonly path: string; readonly mode: number }
  | { readonly kind: 'owner'; readonly path: string; readonly owner: string }

export interface Plan {
  readonly operations: readonly Operation[]
  readonly ranges: readonly Range[]
  readonly sendBytes: number
  /** Blocks of nothing but zeros (etcd's preallocated WAL): made there, not sent. */
  readonly zeroBytes: number
}

/** Not more at once, so that progress is seen and a break costs little. */
const rangeBlocks = 8

/** What makes `to` the same as `from`; blocks without a hash on both sides count as different. */
export function planCopy(from: Manifest, to: Manifest): Plan {
  const wanted = [...from.entries.values()].toSorted(byPath)
  const files = wanted.filter(({ kind }) => kind === 'file').map((file) => planFile(file, existing(to, file)))
  const ranges = files.flatMap((file) => file.ranges)
  const zeros = files.flatMap((file) => file.zeros)
  const withOwners = from.asRoot && to.asRoot
  const operations: readonly Operation[] = [
    ...removals(from, to),
    ...wanted
      .filter((entry) => entry.kind === 'directory' && existing(to, entry) === undefined)
      .map(makeDirectory),
    ...zeros.map(({ path, block, count }) => ({ kind: 'zeros', path, block, count }) as const),
    ...wanted.flatMap((entry) => adjust(entry, existing(to, entry), withOwners)),
  ]
  return { operations, ranges, sendBytes: sum(ranges), zeroBytes: sum(zeros) }
}

export const isEmpty = ({ operations, ranges }: Plan): boolean => operations.length + ranges.length === 0

const byPath = (left: Entry, right: Entry): number => (left.path < right.path ? -1 : 1)
const sum = (ranges: readonly Range[]): number => ranges.reduce((total, { bytes }) => total + bytes, 0)

/** What stands there under that name already, if it is of the same kind. */
function existing(to: Manifest, { path, kind }: Entry): Entry | undefined {
  const entry = to.entries.get(path)
  return entry?.kind === kind ? entry : undefined
}

/** What is not wanted any more, or is of another kind; of nested ones only the outermost. */
function removals(from: Manifest, to: Manifest): readonly Operation[] {
  const gone = [...to.entries.values()].filter(({ path, kind }) => from.entries.get(path)?.kind !== kind)
  const paths = new Set(gone.map(({ path }) => path))
  const outermost = [...paths].filter((path) => !parents(path).some((parent) => paths.has(parent)))
  return outermost.toSorted().map((path) => ({ kind: 'remove', path }))
}

const parents = (path: string): readonly string[] =>
  path
    .split('/')
    .slice(0, -1)
    .map((_, index, names) => names.slice(0, index + 1).join('/'))

const makeDirectory = ({ path }: Entry): Operation => ({ kind: 'directory', path })

function adjust(entry: Entry, there: Entry | undefined, withOwners: boolean): readonly Operation[] {
  const { path, kind, sizeBytes, mode, owner } = entry
  const operations: Operation[] = []
  if (
    kind === 'file' &&
    (there === undefined || there.sizeBytes !== sizeBytes || lastBlockDiffers(entry, there))
  ) {
    operations.push({ kind: 'size', path, sizeBytes })
  }
  if (there?.mode !== mode) operations.push({ kind: 'mode', path, mode })
  if (withOwners && there?.owner !== owner) operations.push({ kind: 'owner', path, owner })
  return operations
}

/** Zeros are made in whole blocks, so a file whose last block may be made of them has to be cut again. */
const lastBlockDiffers = (entry: Entry, there: Entry): boolean =>
  entry.sizeBytes % blockBytes !== 0 && entry.hashes.at(-1) !== there.hashes[entry.hashes.length - 1]

function planFile(
  file: Entry,
  there: Entry | undefined,
): { readonly ranges: readonly Range[]; readonly zeros: readonly Range[] } {
  const count = Math.ceil(file.sizeBytes / blockBytes)
  const ranges: Range[] = []
  const zeros: Range[] = []
  for (let block = 0; block < count; block++) {
    const hash = file.hashes[block]
    if (hash !== undefined && hash === there?.hashes[block]) continue
    const bytes = Math.min(blockBytes, file.sizeBytes - block * blockBytes)
    append(hash === zeroHash(bytes) ? zeros : ranges, { path: file.path, block, count: 1, bytes })
  }
  return { ranges, zeros }
}

function append(ranges: Range[], next: Range): void {
  const last = ranges.at(-1)
  const joins = last !== undefined && last.block + last.count === next.block && last.count < rangeBlocks
  if (!joins) ranges.push(next)
  else ranges[ranges.length - 1] = { ...last, count: last.count + 1, bytes: last.bytes + next.bytes }
}

const fullZeroHash = sha256OfZeros(blockBytes)

const zeroHash = (bytes: number): string => (bytes === blockBytes ? fullZeroHash : sha256OfZeros(bytes))

function sha256OfZeros(bytes: number): string {
  return createHash('sha256').update(Buffer.alloc(bytes)).digest('hex')
}
