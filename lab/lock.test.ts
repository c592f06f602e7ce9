import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type HeldLock, isAlive, tryLock } from './lock.ts'

let directory = ''
let path = ''

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-lock-test-'))
  path = join(directory, 'lock')
})

afterEach(() => rmSync(directory, { recursive: true }))

test('one holder at a time, known by pid; the next after the release', () => {
  const lock = got()
  expect(tryLock(path)).toMatchObject({ kind: 'held', holder: { pid: process.pid } })
  lock.release()
  const next = got()
  lock.release()
  expect(tryLock(path).kind).toBe('held')
  next.release()
  expect(readdirSync(directory)).toEqual([])
})

test.each([
  ['a living process of this machine', { pid: process.ppid, host: hostname() }, 'held'],
  ['a dead process of this machine', { pid: 2 ** 30, host: hostname() }, 'locked'],
  ['a process of another machine, whose pid says nothing here', { pid: 2 ** 30, host: 'elsewhere' }, 'held'],
])('held by %s', (_who, holder, expected) => {
  heldBy(JSON.stringify({ ...holder, since: '', token: 'another' }))
  expect(tryLock(path).kind).toBe(expected)
})

test('a mark that was cut off by a power failure is nobody’s', () => {
  heldBy('{"pid"')
  expect(tryLock(path).kind).toBe('locked')
})

test('a holder that gives no sign of life loses the lock, one that does keeps it', () => {
  const lock = got()
  const minuteAgo = new Date(Date.now() - 60_000)
  utimesSync(join(path, 'holder.json'), minuteAgo, minuteAgo)
  lock.touch()
  expect(tryLock(path, { staleAfterMs: 30_000 }).kind).toBe('held')
  utimesSync(join(path, 'holder.json'), minuteAgo, minuteAgo)
  const taken = tryLock(path, { staleAfterMs: 30_000 })
  expect(taken.kind).toBe('locked')
  lock.release()
  expect(tryLock(path).kind).toBe('held')
})

test('while somebody else removes a stale lock it counts as held', () => {
  heldBy(JSON.stringify({ pid: 2 ** 30, host: hostname(), since: '', token: 'another' }))
  mkdirSync(`${path}.removing`)
  expect(tryLock(path).kind).toBe('held')
  rmSync(`${path}.removing`, { recursive: true })
  expect(tryLock(path).kind).toBe('locked')
})

test('this process lives, pid 0 and an impossible pid do not', () => {
  expect([process.pid, 0, 2 ** 30].map((pid) => isAlive(pid))).toEqual([true, false, false])
})

function got(): HeldLock {
  const lock = tryLock(path)
  if (lock.kind !== 'locked') throw new Error('the lock should have been free')
  return lock
}

function heldBy(holder: string): void {
  mkdirSync(path)
  writeFileSync(join(path, 'holder.json'), holder)
}
