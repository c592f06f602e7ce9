import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { all, record } from '../test/record.ts'
import { type Anchor, anchorLine, readAnchors } from './anchor-line.ts'
import { openBundle } from './bundle-read.ts'
import { type BundleLine, writeBundle } from './bundle.ts'
import { link, noHash, textOf } from './chain.ts'
import type { AuditEvent } from './event.ts'
import { removeRuns } from './retention.ts'
import { seal } from './seal.ts'
import { openSealKey, type SealKey } from './seal-key.ts'
import { openSqliteStore } from './sqlite.ts'
import type { Verification } from './store.ts'
import { verify } from './verify.ts'

let directory: string
let path: string
let key: SealKey
let anchors: readonly Anchor[]

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-bundle-'))
  path = join(directory, 'a.quorate')
  key = openSealKey(join(directory, 'seal.pem'))
  const store = openSqliteStore(join(directory, 'audit.db'))
  await record(store, { run: 'other' })
  await seal(store, 'other', key)
  await record(store, { run: 'a', decidedBy: 'ben', prints: 'ü'.repeat(100_000) })
  await seal(store, 'a', key)
  await record(store, { run: 'gone' })
  await removeRuns(store, key, { what: { runs: ['gone'] }, dryRun: false, reason: 'a year', by: 'gc' })
  await writeBundle(store, 'a', path)
  await writeBundle(store, 'gone', join(directory, 'gone.quorate'))
  await expect(writeBundle(store, 'nobody', join(directory, 'n'))).rejects.toThrow(
    'There is no run nobody on record.',
  )
  await expect(writeBundle(store, 'a', path)).rejects.toThrow(/cannot be written: .*EEXIST/)
  anchors = readAnchors((await all(store.checkpoints())).map(anchorLine).join('\n'))
  await store.close()
})
afterAll(() => rmSync(directory, { recursive: true }))

const verified = async (
  file: string,
  more: { readonly anchors?: readonly Anchor[] } = {},
): Promise<Verification> => verify(await openBundle(file), { trusted: [key.publicKey], ...more })

test('it verifies by itself, with nothing but the public key', async () => {
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(await verified(path)).toMatchObject({ ok: true, events: 7, checkpoints: 1, wrong: [], notes: [] })
  expect(await verified(path, { anchors })).toMatchObject({ ok: true, anchored: 1, wrong: [] })
})

test('of a removed run it says so', async () => {
  const { ok, events, notes } = await verified(join(directory, 'gone.quorate'))
  expect({ ok, events }).toEqual({ ok: true, events: 0 })
  expect(notes[0]?.message).toMatch(/was removed on .* by gc: a year/)
})

describe('what was done to it is found', () => {
  const lines = (): BundleLine[] =>
    gunzipSync(readFileSync(path))
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as BundleLine)

  /** As a careful attacker does it: the count at the end is mended as well. */
  async function attacked(change: (lines: BundleLine[]) => BundleLine[], more = {}): Promise<Verification> {
    const changed = change(lines()).filter(({ kind }) => kind !== 'end')
    const file = join(directory, 'attacked')
    const text = [...changed, { kind: 'end', lines: changed.length }].map(
      (line) => `${JSON.stringify(line)}\n`,
    )
    writeFileSync(file, gzipSync(text.join('')))
    return verified(file, more)
  }

  const isEvent = (seq: number) => (line: BundleLine) =>
    line.kind === 'event' && (JSON.parse(line.text) as AuditEvent).seq === seq

  function rehashed(lines: readonly BundleLine[], change: (event: AuditEvent) => AuditEvent): BundleLine[] {
    let prev = noHash
    return lines.map((line) => {
      if (line.kind !== 'event') return line
      const text = textOf(change(JSON.parse(line.text) as AuditEvent))
      prev = link(prev, text)
      return { ...line, text, hash: prev }
    })
  }

  test.each<[string, (lines: BundleLine[]) => BundleLine[], number | undefined, RegExp]>([
    ['an event deleted', (all) => all.filter((line) => !isEvent(3)(line)), 3, /Event 3 is missing/],
    [
      'the tail cut off',
      (all) => all.filter((line) => !isEvent(7)(line)),
      7,
      /Event 7 is missing: checkpoint 2/,
    ],
    [
      'an event there twice',
      (all) => all.flatMap((line) => (isEvent(3)(line) ? [line, line] : [line])),
      4,
      /stands one that says it is event 3/,
    ],
    [
      'two swapped',
      (all) => {
        const [two, three] = [all.find(isEvent(2)), all.find(isEvent(3))]
        return all.map((line) => (isEvent(2)(line) ? three : isEvent(3)(line) ? two : line) ?? line)
      },
      2,
      /Event 2 is missing/,
    ],
    [
      'written anew with all hashes',
      (all) =>
        rehashed(all, (event) =>
          event.name === 'run.began' ? { ...event, data: { ...event.data, by: 'eve' } } : event,
        ),
      7,
      /Up to event 7 the run is not what was signed/,
    ],
    [
      'a blob removed',
      (all) => all.filter(({ kind }) => kind !== 'blob'),
      1,
      /the blob [0-9a-f]{64} is missing/,
    ],
    [
      'a blob changed',
      (all) => all.map((line) => (line.kind === 'blob' ? { ...line, base64: 'AAAA' } : line)),
      1,
      /the blob [0-9a-f]{64} is not what its digest says/,
    ],
    [
      'another blob by the same name before it',
      (all) =>
        all.flatMap((line): BundleLine[] =>
          line.kind === 'blob' ? [{ ...line, base64: 'AAAA' }, line] : [line],
        ),
      1,
      /the blob [0-9a-f]{64} is not what its digest says/,
    ],
    [
      'another public key',
      (all) =>
        all.map((line) =>
          line.kind === 'checkpoint'
            ? { ...line, publicKey: openSealKey(join(directory, 'eve.pem')).publicKey }
            : line,
        ),
      undefined,
      /its signature does not fit its text and its key/,
    ],
    [
      'another name on it',
      (all) => all.map((line) => (line.kind === 'quorate-audit-bundle' ? { ...line, run: 'other' } : line)),
      undefined,
      /is of another run|anchored and is not on record/,
    ],
  ])('%s', async (_what, change, seq, message) => {
    const { ok, wrong } = await attacked(change)
    expect(ok).toBe(false)
    if (seq !== undefined) expect(wrong[0]).toMatchObject({ run: 'a', seq })
    expect(wrong.map((finding) => finding.message).join('\n')).toMatch(message)
  })

  test.each([
    ['text', 'x'],
    ['hash', noHash],
    ['signature', 'AAAA'],
    ['publicKey', 'x'],
  ])('the %s of a checkpoint changed', async (field, value) => {
    const said = await attacked((all) =>
      all.map((line) => (line.kind === 'checkpoint' ? { ...line, [field]: value } : line)),
    )
    expect(said.ok).toBe(false)
  })

  test('its checkpoint taken out, only by an anchor', async () => {
    const without = (all: BundleLine[]): BundleLine[] => all.filter(({ kind }) => kind !== 'checkpoint')
    const alone = await attacked(without)
    expect(alone).toMatchObject({ ok: true, checkpoints: 0 })
    expect(alone.notes[0]?.message).toMatch(/has ended and is not sealed yet/)
    const { wrong } = await attacked(without, { anchors })
    expect(wrong[0]?.message).toMatch(
      /Checkpoint 2 of the run a .* was anchored and is not on record any more/,
    )
  })
})

describe('a file that is none is refused with a sentence', () => {
  const whole = (): Buffer => gunzipSync(readFileSync(path))
  test.each<[string, () => Buffer, RegExp]>([
    ['an empty file', () => Buffer.alloc(0), /is no bundle .*: (unexpected end of file|it is empty)/],
    ['an empty archive', () => gzipSync(''), /it is empty/],
    ['plain text', () => Buffer.from('hello'), /incorrect header check/],
    ['cut in the middle of the archive', () => readFileSync(path).subarray(0, 400), /unexpected end of file/],
    ['cut in the middle of a line', () => gzipSync(whole().subarray(0, -5)), /its last line is cut short/],
    [
      'without its end',
      () => gzipSync(whole().subarray(0, whole().lastIndexOf('{"kind":"end"'))),
      /its end is missing/,
    ],
    [
      'with more after its end',
      () => gzipSync(Buffer.concat([whole(), Buffer.from('{"kind":"end","lines":3}\n')])),
      /something comes after its end/,
    ],
    [
      'another version',
      () => gzipSync('{"kind":"quorate-audit-bundle","v":2,"run":"a"}\n'),
      /its line 1 is none of a bundle/,
    ],
    [
      'fields that are not its own',
      () => gzipSync('{"kind":"quorate-audit-bundle","v":1,"run":"a","x":1}\n'),
      /its line 1 is none/,
    ],
    ['bytes that are no text', () => gzipSync(Buffer.from([0xff, 0xfe, 0x0a])), /encoded data was not valid/],
    [
      'a line without an end',
      () => gzipSync(Buffer.alloc(129 * 1024 ** 2, 'x'), { level: 1 }),
      /a line has more than/,
    ],
  ])('%s', async (_what, content, message) => {
    const file = join(directory, 'hostile')
    writeFileSync(file, content())
    await expect(openBundle(file)).rejects.toMatchObject({
      name: 'StoreError',
      message: expect.stringMatching(message),
    })
  })

  test('a file that is not there', async () => {
    await expect(openBundle(join(directory, 'nothing'))).rejects.toThrow(/ENOENT/)
  })
})
