import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { WorkflowHandle } from '@temporalio/client'
import { program, undoneBy, uses } from '../test/replay/build.ts'
import {
  failing,
  startTemporalWorld,
  statusOf,
  type TemporalWorld,
  untilWaiting,
} from '../test/replay/temporal-world.ts'

// The first command may have to build what it runs.
jest.setTimeout(180_000)

/** `quorate watch` on a terminal, with a person at its keys: the built command on a pseudo terminal of Linux. */

let world: TemporalWorld
let directory: string
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-watch-'))
  world = await startTemporalWorld('devServer')
}, 120_000)
afterAll(async () => {
  await world.close()
  rmSync(directory, { recursive: true })
})

const command = `${process.execPath} ${resolve(__dirname, 'bootstrap.mjs')}`

/** A run that has failed at its second step and waits. */
async function waitingRun(): Promise<WorkflowHandle> {
  const steps = [undoneBy(uses('a', 'do.more'), uses('u', 'undo')), uses('b', 'do', { host: 'h1' })]
  world.offer(program('failing', steps), {}, { hash: 'ab'.repeat(32) })
  world.on('do', () => {
    throw failing('ActionError', 'no space left on the device')
  })
  const handle = await world.start('failing')
  await untilWaiting(handle)
  return handle
}

let number = 0

/** The command on a terminal of that size. */
function watch(
  words: string,
  options: { readonly columns?: number; readonly rows?: number; readonly environment?: object } = {},
) {
  const { columns = 100, rows = 40, environment = {} } = options
  const name = join(directory, `tty-${++number}`)
  const inner = `stty cols ${columns} rows ${rows}; tty > ${name}; exec ${command} ${words}`
  const child = spawn('script', ['-qefc', inner, '/dev/null'], {
    env: {
      ...process.env,
      ...{
        TERM: 'xterm',
        TEMPORAL_ADDRESS: world.env.address,
        QUORATE_BY: 'ann@desk',
        QUORATE_HOME: directory,
      },
      ...environment,
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let raw = ''
  child.stdout.on('data', (chunk: Buffer) => void (raw += chunk.toString()))
  const ended = new Promise<number | null>((done) => child.once('exit', (code) => done(code)))
  return {
    ended,
    raw: () => raw,
    resize: (to: number) =>
      void spawnSync('stty', ['-F', readFileSync(name, 'utf8').trim(), 'cols', String(to)]),
    /** Presses keys once the screen shows something. */
    async on(shown: string | RegExp, keys: string): Promise<void> {
      await shows(child, () => drawnLast(raw), shown)
      child.stdin.write(keys)
    },
    shows: (shown: string | RegExp) => shows(child, () => drawnLast(raw), shown),
  }
}

async function shows(child: ChildProcess, screen: () => string, shown: string | RegExp): Promise<void> {
  for (const startMs = Date.now(); ; await sleep(30)) {
    const text = screen()
    if (typeof shown === 'string' ? text.includes(shown) : shown.test(text)) return
    if (child.exitCode !== null)
      throw new Error(`It ended with ${child.exitCode} and never showed ${shown}: ${text}`)
    if (Date.now() - startMs > 60_000) throw new Error(`It does not show ${shown}: ${text}`)
  }
}

// oxlint-disable-next-line no-control-regex -- that is what a terminal is sent
const controls = /\u001b\[[0-9;?]*[A-Za-z]/g

// oxlint-disable-next-line no-control-regex -- as above
const upwards = /\u001b\[\d+A\r/

/** What was drawn since the cursor went up last: the screen, without its colours. */
const drawnLast = (raw: string): string =>
  (raw.split(upwards).at(-1) ?? '').replace(controls, '').replaceAll('\r', '')

const here = process.platform === 'linux' ? describe : describe.skip

here('on a terminal', () => {
  test('decides at the keys: why not, a word for the record, a confirmation that names the step', async () => {
    const run = await waitingRun()
    const person = watch(`watch ${run.workflowId}`)
    await person.on('r retry · b roll back · a abort · p pause · q leave', 's')
    await person.on('Not skip: the runbook does not allow', 'b')
    await person.on('Roll back “h1: do”: why?', 'disk is gone\r')
    await person.on('Roll back “h1: do”? It takes back, in this order: do more. Then the run ends.', 'y')
    expect(await person.ended).toBe(1)
    expect(drawnLast(person.raw())).toMatch(/Rolled back by ann@desk \(disk is gone\)/)
    expect(person.raw()).toContain('\u001b[?25h')
    expect((await statusOf(run)).view.phase).toBe('rolledBack')
  })

  test('a retry goes on, and the watching with it', async () => {
    const run = await waitingRun()
    const person = watch(`watch ${run.workflowId}`)
    await person.on('r retry', 'r')
    world.on('do', () => ({}))
    await person.on('why?', '\r')
    expect(await person.ended).toBe(0)
  })

  test.each([
    ['Ctrl-C', '\u0003'],
    ['q', 'q'],
  ])('%s leaves, also while a reason is typed: the run goes on', async (_what, key) => {
    const run = await waitingRun()
    const person = watch(`watch ${run.workflowId}`)
    await person.on('r retry', key === 'q' ? key : `rx${key}`)
    expect(await person.ended).toBe(130)
    expect(person.raw()).toContain('The run goes on: quorate watch')
    expect((await statusOf(run)).view.phase).toBe('waiting')
    await run.terminate()
  })

  test('a narrow one that is made narrower keeps its lines within it', async () => {
    const run = await waitingRun()
    const person = watch(`watch ${run.workflowId}`, { columns: 48, rows: 14, environment: { NO_COLOR: '1' } })
    await person.shows('r retry')
    expect(longest(drawnLast(person.raw()))).toBeLessThanOrEqual(48)
    person.resize(32)
    await until(() => longest(drawnLast(person.raw())) <= 32)
    await person.shows('r retry')
    const after = drawnLast(person.raw())
    expect(longest(after)).toBeLessThanOrEqual(32)
    expect(person.raw().slice(-3000)).not.toMatch(/\[3[0-9]m/)
    expect(after.trimEnd().split('\n').length).toBeLessThan(14)
    await person.on('r retry', 'q')
    await person.ended
    await run.terminate()
  })
})

here('on what is no terminal to draw on', () => {
  test.each([
    ['TERM=dumb', { TERM: 'dumb' }],
    ['TERM=dumb and no colour', { TERM: 'dumb', NO_COLOR: '1' }],
  ])('%s: plain lines, and it returns once the run waits', async (_what, environment) => {
    const run = await waitingRun()
    const person = watch(`watch ${run.workflowId}`, { environment })
    expect(await person.ended).toBe(3)
    expect(person.raw()).not.toContain('\u001b')
    expect(person.raw()).toContain(`quorate retry`)
    await run.terminate()
  })

  test('--json: one object a line, the last is the run', async () => {
    const run = await waitingRun()
    // Not waited for in this thread: the run's worker lives in it.
    const child = spawn(
      process.execPath,
      [resolve(__dirname, 'bootstrap.mjs'), 'watch', run.workflowId, '--json'],
      {
        env: { ...process.env, TEMPORAL_ADDRESS: world.env.address, QUORATE_HOME: directory },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    let stdout = ''
    child.stdout.on('data', (chunk: Buffer) => void (stdout += chunk.toString()))
    expect(await new Promise((done) => child.once('close', done))).toBe(3)
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatchObject({
      id: run.workflowId,
      phase: 'waiting',
      at: expect.any(String),
      waiting: { offers: expect.arrayContaining(['retry']) },
    })
    expect(lines[1]).toMatchObject({
      id: run.workflowId,
      open: true,
      phase: 'waiting',
      started: expect.any(String),
    })
    await run.terminate()
  })
})

async function until(holds: () => boolean): Promise<void> {
  for (const startMs = Date.now(); !holds(); await sleep(30))
    if (Date.now() - startMs > 30_000) throw new Error('It did not come to that within 30 s.')
}

/** The longest line that was drawn, as it stands on the screen. */
const longest = (raw: string): number =>
  Math.max(
    ...raw
      .replace(controls, '')
      .replaceAll('\r', '')
      .split('\n')
      .map((line) => line.length),
  )
