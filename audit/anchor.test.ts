import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { all, record } from '../test/record.ts'
import { openAnchors } from './anchor.ts'
import { anchorLine, readAnchors } from './anchor-line.ts'
import type { Archive } from './archive.ts'
import { seal } from './seal.ts'
import { openSealKey, type SealKey } from './seal-key.ts'
import { openSqliteStore } from './sqlite.ts'
import { verify } from './verify.ts'

let directory: string
let store: Archive
let key: SealKey
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-anchors-'))
  store = openSqliteStore(join(directory, 'audit.db'))
  key = openSealKey(join(directory, 'seal.pem'))
})
afterEach(async () => {
  await store.close()
  rmSync(directory, { recursive: true })
})

async function sealed(...runs: readonly string[]): Promise<void> {
  for (const run of runs) {
    await record(store, { run })
    await seal(store, run, key)
  }
}

test('a file gets each checkpoint once, as a line that verification reads again', async () => {
  const path = join(directory, 'anchors.log')
  await sealed('r1', 'a run with blanks\nand lines')
  expect(await openAnchors(`file:${path}`).publish(store)).toEqual([])
  await sealed('r3')
  // Another process would know from the file what is in it.
  const anchors = openAnchors(` file:${path} `)
  expect(await anchors.publish(store)).toEqual([])
  expect(await anchors.publish(store)).toEqual([])
  const found = readAnchors(readFileSync(path, 'utf8'))
  expect(found.map(({ n, run }) => [n, run])).toEqual([
    [1, 'r1'],
    [2, 'a run with blanks\nand lines'],
    [3, 'r3'],
  ])
  expect(await verify(store, { trusted: [key.publicKey], anchors: found })).toMatchObject({
    ok: true,
    anchored: 3,
  })
})

test('what could not be handed on is handed on with the next', async () => {
  const path = join(directory, 'mount', 'anchors.log')
  const anchors = openAnchors(`file:${path}`)
  await sealed('r1')
  expect(await anchors.publish(store)).toEqual([
    expect.stringMatching(
      /^Checkpoints cannot be anchored at .*anchors\.log: ENOENT.*handed on with the next one\.$/,
    ),
  ])
  mkdirSync(join(directory, 'mount'))
  await sealed('r2')
  expect(await anchors.publish(store)).toEqual([])
  expect(readAnchors(readFileSync(path, 'utf8')).map(({ n }) => n)).toEqual([1, 2])
})

test('a line that was cut short is not believed, and does not spoil the next', async () => {
  const path = join(directory, 'anchors.log')
  const anchors = openAnchors(`file:${path}`)
  await sealed('r1', 'r2')
  await anchors.publish(store)
  truncateSync(path, readFileSync(path).length - 40)
  await anchors.publish(store)
  expect(readAnchors(readFileSync(path, 'utf8')).map(({ n }) => n)).toEqual([1, 2])
})

test('a file of another record is said to be one', async () => {
  const path = join(directory, 'anchors.log')
  const other = openSqliteStore(join(directory, 'other.db'))
  await record(other, { run: 'x' })
  await seal(other, 'x', key)
  await openAnchors(`file:${path}`).publish(other)
  await other.close()
  await sealed('r1')
  expect(await openAnchors(`file:${path}`).publish(store)).toEqual([
    expect.stringMatching(
      /its last line is about checkpoint 1, which the record in .* does not have as it was/,
    ),
  ])
})

test('one place that fails does not stop another', async () => {
  const path = join(directory, 'anchors.log')
  await sealed('r1')
  const problems = await openAnchors(`file:/proc/nothing/there,file:${path}`).publish(store)
  expect(problems).toHaveLength(1)
  expect(readAnchors(readFileSync(path, 'utf8'))).toHaveLength(1)
})

test('a syslog server gets RFC 5424 datagrams', async () => {
  const server = createSocket('udp4')
  server.bind(0, '127.0.0.1')
  await once(server, 'listening')
  const heard: string[] = []
  server.on('message', (message) => heard.push(message.toString()))
  await sealed('r0')
  const [before] = await all(store.checkpoints())
  while (new Date().toISOString() === before?.checkpoint.at) await new Promise(setImmediate)
  const anchors = openAnchors(`syslog:udp://127.0.0.1:${server.address().port}`)
  await sealed('r1')
  expect(await anchors.publish(store)).toEqual([])
  await sealed('r2', 'r3')
  expect(await anchors.publish(store)).toEqual([])
  while (heard.length < 3) await once(server, 'message')
  server.close()
  expect(heard[0]).toMatch(/^<109>1 \d{4}-\d\d-\d\dT[\d:.]+Z \S+ quorate \d+ anchor - quorate-anchor v1 n=2 /)
  expect(readAnchors(heard.join('\n')).map(({ n }) => n)).toEqual([2, 3, 4])
})

test('where no syslog listens it is said', async () => {
  const anchors = openAnchors(`syslog:${directory}/nothing`)
  await sealed('r1')
  expect(await anchors.publish(store)).toEqual([
    expect.stringMatching(/^Checkpoints cannot be anchored at syslog:.*nothing: /),
  ])
})

test.each(['chat:x', 'file:relative', 'file:', 'syslog:tcp://x', 'syslog:udp://', 'nonsense'])(
  '"%s" is refused with a sentence',
  (setting) => {
    expect(() => openAnchors(setting)).toThrow(/is no place for anchors: give file:\/ABSOLUTE\/PATH/)
  },
)

test('no setting is no place', async () => {
  await sealed('r1')
  expect(await openAnchors('').publish(store)).toEqual([])
})

test('anchors are found in whatever they stand in', async () => {
  await sealed('r1')
  const [line = ''] = (await all(store.checkpoints())).map(anchorLine)
  const path = join(directory, 'export.txt')
  writeFileSync(
    path,
    `[12:01] <quorate> ${line}\nMar  1 host quorate[1]: ${line.replace('n=1', 'n=77')} and more\n`,
  )
  appendFileSync(path, `${line.replace(/hash=\w+/, 'hash=short')}\nquorate-anchor v2 n=1\n`)
  expect(readAnchors(readFileSync(path, 'utf8')).map(({ n }) => n)).toEqual([1, 77])
})
