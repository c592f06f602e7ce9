import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { announceUp, homeDirectory, readUp, type Up } from './home.ts'
import { codeOf } from './run-outcome.ts'

let home: string
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'quorate-home-'))
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

const up: Up = {
  pid: process.pid,
  command: 'up',
  since: '2026-01-01T00:00:00.000Z',
  address: '127.0.0.1:1',
  namespace: 'default',
  uiUrl: 'http://127.0.0.1:2',
  inventory: '/inventory.yaml',
  state: '/state',
  etcd: '3.6.16',
  next: { cluster: 'demo', member: 'etcd-1', to: 'h4' },
}

test('what is up is told to the others until it is taken back', () => {
  expect(readUp(home)).toBeUndefined()
  const takeBack = announceUp(home, up)
  expect(readUp(home)).toEqual(up)
  takeBack()
  expect(readUp(home)).toBeUndefined()
})

test('the word of a process that is gone, or no word at all, does not count', () => {
  const { pid } = spawnSync(process.execPath, ['-e', ''])
  announceUp(home, { ...up, pid })
  expect(readUp(home)).toBeUndefined()
  for (const text of ['', '{', '[]', '{"pid":1}', JSON.stringify({ ...up, address: 7 })]) {
    writeFileSync(join(home, 'up.json'), text)
    expect(readUp(home)).toBeUndefined()
  }
})

test.each([
  [{ QUORATE_HOME: '/a' }, '/a'],
  [{ XDG_STATE_HOME: '/state' }, '/state/quorate'],
  [{ QUORATE_HOME: '/a', XDG_STATE_HOME: '/state' }, '/a'],
])('%j keeps its state in %s', (environment, directory) => {
  expect(homeDirectory(environment)).toBe(directory)
})

test('without settings it is a directory of the user; a relative one is refused', () => {
  expect(homeDirectory({ XDG_STATE_HOME: 'relative' })).toMatch(/^\/.*\/\.quorate$/)
  expect(() => homeDirectory({ QUORATE_HOME: 'here' })).toThrow(
    'QUORATE_HOME is "here", but must be an absolute path',
  )
})

const run = { id: 'x', runbook: 'r', open: false, startedMs: 0, progress: [] }
const ended = (
  phase: 'failed' | 'aborted' | 'rolledBack' | 'cancelled',
  type: 'InputError' | 'ClusterLocked' | 'RunFailed' | 'RunAborted' | 'RunRolledBack' | 'Cancelled',
) => ({
  ...run,
  ending: { phase, type, message: '' },
})
test.each([
  ['is open', { ...run, open: true }, 3],
  ['failed', ended('failed', 'RunFailed'), 1],
  ['was rolled back', ended('rolledBack', 'RunRolledBack'), 1],
  ['was aborted', ended('aborted', 'RunAborted'), 1],
  ['was cancelled', ended('cancelled', 'Cancelled'), 1],
  ['was given wrong inputs', ended('failed', 'InputError'), 2],
  ['found the cluster locked', ended('failed', 'ClusterLocked'), 5],
])('the exit code of a run that %s', (_how, snapshot, code) => {
  expect(codeOf(snapshot)).toBe(code)
})
