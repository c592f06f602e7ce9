import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import Sqlite from 'better-sqlite3'
import { anchorLine } from '../audit/anchor-line.ts'
import { openSealKey } from '../audit/seal-key.ts'
import { seal } from '../audit/seal.ts'
import { openSqliteStore } from '../audit/sqlite.ts'
import { record } from '../test/record.ts'
import { until } from '../test/world.ts'
import { readCommandLine } from './command-line.ts'
import { commands } from './commands/all.ts'
import { explain } from './errors.ts'

/** The record, from the command line. */

let home: string
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'quorate-audit-'))
  const store = openSqliteStore(join(home, 'audit', 'record.db'))
  const key = openSealKey(join(home, 'audit', 'seal.pem'))
  const hour = 3_600_000
  const beganMs = Date.parse('2026-03-01T10:00:00Z')
  await record(store, { run: 'key-1', beganMs, by: 'anna', reason: 'two disks died' })
  await record(store, {
    run: 'key-2',
    beganMs: beganMs + hour,
    cluster: 'lab',
    outcome: 'failed',
    message: 'no',
  })
  await record(store, { run: 'key-3', beganMs: beganMs + 2 * hour, open: true })
  const anchors = []
  for (const run of ['key-1', 'key-2']) anchors.push(await seal(store, run, key))
  const lines = anchors.flatMap((one) => (one ? [`Mar  1 host quorate[7]: ${anchorLine(one)}`] : []))
  writeFileSync(join(home, 'syslog'), `${lines.join('\n')}\n`)
  await store.close()
})
afterAll(() => rmSync(home, { recursive: true }))

/** A command as `main` runs it, with what it printed. */
const audit = (...argv: readonly string[]) => auditInto([], ...argv)

async function auditInto(
  said: string[],
  ...argv: readonly string[]
): Promise<{ readonly code: number; readonly out: string }> {
  const say = (text: string): void => void said.push(text)
  const terminal = {
    ...{ out: say, err: say, write: say, live: false, colour: false },
    size: () => ({ columns: 100, rows: 24 }),
  }
  const environment = { QUORATE_HOME: home, QUORATE_BY: 'cy' }
  try {
    const { command, positionals, flags } = readCommandLine(['audit', ...argv], commands)
    const code = await command.run({ positionals, flags, terminal, environment })
    return { code, out: said.join('\n') }
  } catch (error) {
    const { text, code } = explain(error, environment)
    return { code, out: text }
  }
}

const linesOf = (out: string): readonly string[] => out.split('\n')

test('a record that is not there is named, with what makes it', async () => {
  expect(await audit('list', '--record', '/nowhere/record.db')).toEqual({
    code: 2,
    out: 'There is no record at /nowhere/record.db: a worker makes it when it begins. Name another place with --record or QUORATE_AUDIT.',
  })
})

test('runs are listed, the newest first, and by what is asked', async () => {
  const { out } = await audit('list')
  expect(linesOf(out).map((line) => line.split(/ {2,}/)[0])).toEqual([
    ...['RUN', 'etcd-recover-key-3', 'etcd-recover-key-2', 'etcd-recover-key-1'],
  ])
  expect(out).toMatch(/etcd-recover-key-1 +prod +done +2026-03-01 10:00Z +\d.* anna +yes/)
  expect(out).toMatch(/etcd-recover-key-3 +prod +open .* not yet/)
  const found = JSON.parse((await audit('list', 'two disks', '--by', 'anna', '--json')).out)
  expect(found).toMatchObject({ total: 1, runs: [{ run: 'key-1', sealed: found.runs[0].events }] })
  expect((await audit('list', '--since', '2026-03-01T11:30:00Z')).out).not.toContain('key-2')
  expect((await audit('list', '--cluster', 'none')).out).toBe('Nothing like that is on record.')
  expect(await audit('list', '--since', 'soon')).toMatchObject({
    code: 2,
    out: expect.stringMatching(/--since is "soon"/),
  })
})

test('a run is shown by its key, its id or a part of it, a line an event', async () => {
  const { out } = await audit('show', 'key-1')
  expect(out).toContain('anna asked for etcd-recover on prod: two disks died')
  expect(linesOf(out).at(-1)).toMatch(/the run ended: done/)
  expect((await audit('show', 'recover-key-1')).out).toBe(out)
  const all = linesOf((await audit('show', 'key-1', '--all')).out)
  expect(all.length).toBeGreaterThan(linesOf(out).length)
  const events = linesOf((await audit('show', 'key-1', '--json')).out).map((line) => JSON.parse(line))
  expect(events.map(({ seq }) => seq)).toEqual(all.map((_, index) => index + 1))
  expect(await audit('show', 'recover')).toEqual({
    code: 2,
    out: '"recover" may mean etcd-recover-key-3, etcd-recover-key-2, etcd-recover-key-1: say which.',
  })
  expect((await audit('show', 'nothing')).out).toMatch(/There is no run "nothing" on record/)
})

test('what goes to a SIEM comes once, whatever it has already', async () => {
  const lines = linesOf((await audit('export')).out).map((line) => JSON.parse(line))
  const seals = lines.filter(({ checkpoint }) => checkpoint !== undefined)
  expect(seals.map(({ checkpoint }) => [checkpoint.n, checkpoint.run])).toEqual([
    [1, 'key-1'],
    [2, 'key-2'],
  ])
  expect(lines.map(({ run, checkpoint }) => run ?? checkpoint.run)).not.toContain('key-3')
  const rest = linesOf((await audit('export', '--after', '1')).out).map((line) => JSON.parse(line))
  expect(rest).toEqual(lines.slice(lines.indexOf(seals[0]) + 1))
  expect((await audit('export', '--after', '2')).out).toBe('')
})

test('a record that nobody changed verifies against its key and what was anchored', async () => {
  const trust = ['--key', join(home, 'audit', 'seal.pem.pub'), '--anchors', join(home, 'syslog')]
  const { code, out } = await audit('verify', ...trust)
  expect(out).toMatch(/^Nothing is wrong: \d+ events, 2 checkpoints, 2 compared with anchors\.\n/)
  expect(out).toMatch(/Signed by [0-9a-f]{64}, which is trusted\./)
  expect(out).toMatch(/\n {2}· etcd-recover-key-3, event 1: The run has not ended, and is not sealed yet\./)
  expect(code).toBe(0)
  expect((await audit('verify', '--anchors', join(home, 'audit', 'seal.pem.pub'))).out).toMatch(
    /There is no anchor/,
  )
})

test('a run becomes a report to read, to mail and for a program, and a bundle that verifies by itself', async () => {
  const md = await audit('report', 'key-1', '--key', join(home, 'audit', 'seal.pem.pub'))
  expect(md.code).toBe(0)
  expect(md.out).toMatch(/^# Report: .*\n/)
  expect(md.out).toContain('two disks died')
  const json: unknown = JSON.parse((await audit('report', 'key-1', '--json')).out)
  expect(json).toMatchObject({ answer: { by: 'anna', outcome: 'done' }, verification: { ok: true } })
  const [html, bundle] = [join(home, 'r.html'), join(home, 'r.quorate-audit')]
  expect((await audit('report', 'key-1', '--format', 'html', '--out', html)).out).toBe(`Written to ${html}.`)
  expect(readFileSync(html, 'utf8')).toMatch(/^<!doctype html>[^]*two disks died[^]*<\/html>\s*$/i)
  expect((await audit('report', 'key-1', '--format', 'bundle', '--out', bundle)).code).toBe(0)
  expect((await audit('report', 'key-1', '--format', 'bundle', '--out', bundle)).out).toMatch(
    /a file .* already/,
  )
  expect(await audit('verify', bundle, '--anchors', join(home, 'syslog'))).toMatchObject({
    ...{ code: 0, out: expect.stringMatching(/^Nothing is wrong: \d+ events, 1 checkpoint, 1 compared/) },
  })
  expect((await audit('report', 'key-1', '--format', 'htlm')).out).toBe(
    '--format is "htlm": did you mean html?',
  )
})

test('the record is served until Ctrl-C, on a port that is free', async () => {
  const said: string[] = []
  const served = auditInto(said, 'serve', '--port', '0', '--json')
  await until('an address', () => Promise.resolve(said.length > 0), 10_000, 20)
  const { url } = JSON.parse(said[0] ?? '') as { url: string }
  const page = await fetch(`${url}?text=disks`)
  const text = await page.text()
  expect([page.status, text.includes('recover-key-1'), text.includes('recover-key-2')]).toEqual([
    200,
    true,
    false,
  ])
  const taken = await audit('serve', '--port', new URL(url).port)
  expect(taken).toEqual({
    code: 2,
    out: `Port ${new URL(url).port} is taken: give another, or --port 0 for any.`,
  })
  process.emit('SIGTERM')
  expect((await served).code).toBe(0)
  await expect(fetch(url)).rejects.toThrow(/fetch failed/)
})

test('what is no database is no place for tables', async () => {
  expect(await audit('prepare', 'record.db', '--role', 'w')).toMatchObject({
    ...{ code: 2, out: '"record.db" is no database: write postgres://OWNER@HOST/DATABASE.' },
  })
  expect((await audit('prepare', 'postgres://db/q')).out).toMatch(/--role is needed/)
})

test('a run that is held stays, whatever its age; one that is removed is said to be', async () => {
  const gc = ['gc', '--older-than', '30d']
  expect((await audit('hold', 'key-1')).out).toMatch(/--reason is needed/)
  expect((await audit('hold', 'key-1', '--reason', 'case 7')).out).toMatch(/etcd-recover-key-1 is held/)
  expect((await audit('list', 'key-1')).out).toMatch(/yes, held/)
  const dry = await audit(...gc)
  expect(dry.out).toMatch(/Would remove etcd-recover-key-2 of 2026-03-01, \d+ events/)
  expect(dry.out).toMatch(/Stays: etcd-recover-key-1\. It is held: case 7\./)
  expect((await audit('list', 'key-2')).code).toBe(0)
  expect((await audit(...gc, '--yes')).out).toMatch(/Removed etcd-recover-key-2/)
  expect((await audit('list', 'key-2')).out).toBe('Nothing like that is on record.')
  expect((await audit('release', 'key-1', '--reason', 'closed')).out).toMatch(/is released/)
  const { code, out } = await audit('verify')
  expect(out).toMatch(/etcd-recover-key-2: The run was removed on 20\d\d-\d\d-\d\d by cy: older than 30d\./)
  expect(code).toBe(0)
})

test('one that somebody changed does not, and the event is named', async () => {
  const file = new Sqlite(join(home, 'audit', 'record.db'))
  for (const name of file.prepare(`select name from sqlite_master where type = 'trigger'`).pluck().all())
    file.exec(`drop trigger ${String(name)}`)
  file.exec(`update events set text = replace(text, 'two disks died', 'routine') where run = 'key-1'`)
  file.close()
  const { code, out } = await audit('verify')
  expect(out).toMatch(/^WRONG: 1 finding in/)
  expect(out).toMatch(/✖ etcd-recover-key-1, event 1: /)
  expect(code).toBe(1)
  const report = await audit('report', 'key-1')
  expect(report).toMatchObject({ code: 1, out: expect.stringMatching(/\nWRONG: .*1/) })
})
