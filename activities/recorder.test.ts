import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { z } from 'zod'
import type { Inventory } from '../dsl/inventory.ts'
import type { Effect, Json } from '../dsl/program.ts'
import { type HostsFixture, launchHosts } from '../lab/host/fixture.ts'
import { type MemoryRecord, memoryRecord } from '../test/memory-record.ts'
import { type ActionContext, defineAction } from './action.ts'
import { createEnvironment, type Environment } from './environment.ts'
import { executeAction } from './execute.ts'
import { ActionError } from './failure.ts'
import { secrets } from './redact/secrets.ts'

jest.setTimeout(30_000)

/** What an action does on a real host, and what is on record of it when the record can be written and when not. */

let lab: HostsFixture
let inventory: Inventory
let record: MemoryRecord
let environment: Environment
beforeAll(async () => {
  lab = await launchHosts(['a'])
  inventory = { ...lab.inventory, file: 'inventory.yaml', clusters: {} }
})
beforeEach(() => {
  record = memoryRecord()
  environment = createEnvironment({ loadInventory: async () => inventory, record, recordWaitMs: 200 })
})
afterEach(() => environment.close())
afterAll(() => lab.stop())

type Work = (context: ActionContext) => Promise<unknown>

interface How {
  readonly effect?: Effect
  readonly number?: number
  readonly probe?: (context: ActionContext) => Promise<{ said: string } | undefined>
}

function perform(work: Work, { effect = 'change', number = 1, probe }: How = {}): Promise<Json> {
  const action = defineAction({
    ...{ name: 'test.act', title: 'act', doc: 'Acts.', effect, subject: [], example: {} },
    input: z.strictObject({}),
    output: z.strictObject({ said: z.string() }),
    run: async (_input, context) => ({ said: String(await work(context)) }),
    ...(probe && { probe: (_input, context) => probe(context) }),
  })
  return executeAction(
    action,
    { run: { id: 'r', key: 'k', runbook: 'b', hash: 'h' }, step: 's', with: {}, undo: false },
    environment,
    { id: 'a', number, signal: new AbortController().signal, heartbeat: () => undefined },
  )
}

const touch = (file: string, context: ActionContext) => context.host('a').exec({ argv: ['touch', file] })
const isThere = (file: string): boolean => {
  try {
    readFileSync(join(lab.home('a'), file))
    return true
  } catch {
    return false
  }
}
const names = (): readonly string[] => record.events.map(({ name }) => name)

/** The store takes no event from now on of which `hit` is true, so often. */
function failWhen(hit: (name: string) => boolean, times = Number.POSITIVE_INFINITY): void {
  let left = times
  record.before = (events) => {
    if (events.some(({ name }) => hit(name)) && left-- > 0)
      throw new Error('The record in /r.db cannot be written: the disk is full.')
  }
}

describe('what is on record', () => {
  test('a command before and after, with what it printed', async () => {
    await perform(({ host }) => host('a').job('job-1', { argv: ['sh', '-c', 'echo out; echo err >&2'] }))
    expect(names()).toEqual(['action.begun', 'command.begun', 'command.done', 'action.done'])
    expect(record.events[1]).toMatchObject({
      ...{ id: 's/a.1/2/command.begun', host: 'a', step: 's', attempt: 1 },
      data: { kind: 'job', key: 'job-1', argv: ['sh', '-c', 'echo out; echo err >&2'] },
    })
    expect(record.events[2]).toMatchObject({
      id: 's/a.1/2/command.done',
      data: { code: 0, stdout: { head: 'out\n', tail: '', bytes: 4 }, stderr: { head: 'err\n' } },
    })
  })

  test('of what only reads the end alone', async () => {
    await perform(({ host }) => host('a').exec({ argv: ['echo', 'x'], reads: true }))
    expect(names()).toEqual(['action.begun', 'command.done', 'action.done'])
  })

  test('of what a cluster holds the digest alone', async () => {
    await perform(({ host }) => host('a').exec({ argv: ['echo', 'a key'], reads: true, prints: 'data' }))
    const [{ data } = fail()] = record.named('command.done')
    expect(data.stdout).toMatchObject({ bytes: 6, sha256: expect.any(String), head: '', tail: '' })
    expect(JSON.stringify(record.events)).not.toContain('a key\\n')
  })

  test.each<[string, readonly string[], string, object]>([
    ['a failed one', ['false'], 'command.failed', { code: 1 }],
    [
      'one that a signal ended',
      ['sh', '-c', 'kill -KILL $$'],
      'command.failed',
      { code: 137, signal: 'KILL' },
    ],
  ])('%s', async (_what, argv, name, data) => {
    await perform(({ host }) => host('a').exec({ argv }))
    expect(record.events[2]).toMatchObject({ name, data })
  })

  test('one that was given up has no code, and may have had its effect', async () => {
    await perform(({ host }) => host('a').exec({ argv: ['sleep', '60'], timeoutMs: 300 })).catch(
      () => undefined,
    )
    expect(record.named('command.unknown')).toMatchObject([
      { data: { error: expect.stringMatching(/was killed/) } },
    ])
    expect(record.named('command.unknown')[0]?.data).not.toHaveProperty('code')
  })

  test('of much output both ends, and the whole beside it', async () => {
    await perform(({ host }) => host('a').exec({ argv: ['seq', '1', '5000'] }))
    const [{ data } = fail()] = record.named('command.done')
    const { head, tail, bytes, sha256, blob } = data.stdout
    expect([head.startsWith('1\n2\n'), tail.endsWith('4999\n5000\n'), head.length, tail.length]).toEqual([
      ...[true, true, 2048, 2048],
    ])
    expect(blob).toBe(sha256)
    expect(Buffer.from(record.blobs.get(sha256) ?? []).length).toBe(bytes)
  })

  test('of more than is ever read, how much came before', async () => {
    await perform(({ host }) => host('a').exec({ argv: ['head', '-c', '2000000', '/dev/zero'] }))
    expect(record.named('command.done')[0]?.data.stdout.lost).toBe(2_000_000 - 1024 ** 2)
  })

  test('no secret, in arguments, outputs, failures or blobs', async () => {
    secrets.add('of this test', 'recorder-canary')
    writeFileSync(join(lab.home('a'), 'conf'), `${'x\n'.repeat(4000)}key=recorder-canary\n`)
    const work: Work = async ({ host }) => {
      await host('a').exec({ argv: ['cat', 'conf'] })
      const { stdout } = await host('a').exec({ argv: ['echo', 'recorder-canary'] })
      throw new ActionError(`It said ${stdout}`)
    }
    await expect(perform(work)).rejects.toThrow(/^It said/)
    const kept = `${JSON.stringify(record.events)}${[...record.blobs.values()].map((blob) => Buffer.from(blob).toString()).join('')}`
    expect(kept).toContain('key=‹redacted of this test›')
    expect(kept).not.toContain('recorder-canary')
    expect(record.named('action.failed')[0]?.data.message).toBe('It said ‹redacted of this test›\n')
  })
})

describe('while the record cannot be written', () => {
  test.each<[string, Effect]>([
    ['action.begun', 'change'],
    ['command.begun', 'change'],
  ])('no %s, no effect: it failed, and nothing was done', async (name, effect) => {
    failWhen((one) => one === name)
    await expect(perform((context) => touch('never', context), { effect })).rejects.toMatchObject({
      ...{ type: 'ActionError', details: [{ kind: 'failed' }] },
      message:
        'test.act was not begun. The record cannot be written: The record in /r.db cannot be written: the disk is full, so nothing was done. Mend the store of the record, then retry.',
    })
    expect(isThere('never')).toBe(false)
  })

  test('an action that swallows it has not been done all the same', async () => {
    failWhen((name) => name === 'command.begun')
    const swallowing: Work = (context) => touch('swallowed', context).catch(() => 'done')
    await expect(perform(swallowing)).rejects.toMatchObject({ details: [{ kind: 'failed' }] })
    expect(isThere('swallowed')).toBe(false)
  })

  test('in the middle of an action the next command is not sent, and it is unknown', async () => {
    const work: Work = async (context) => {
      await touch('first', context)
      failWhen((name) => name !== 'action.unknown')
      await touch('second', context)
    }
    await expect(perform(work)).rejects.toMatchObject({
      ...{ type: 'UnknownOutcomeError', details: [{ kind: 'unknown' }] },
      message: expect.stringMatching(
        /^test\.act was stopped half-way.*so nothing more was done.*Mend the store/,
      ),
    })
    expect([isThere('first'), isThere('second')]).toEqual([true, false])
    expect(names()).toEqual(['action.begun', 'command.begun', 'command.done', 'action.unknown'])
  })

  test('what a worker that died had begun may be done', async () => {
    failWhen(() => true)
    await expect(perform((context) => touch('again', context), { number: 2 })).rejects.toMatchObject({
      details: [{ kind: 'unknown' }],
    })
    expect(isThere('again')).toBe(false)
  })

  test('an outcome is kept, and written with what comes next', async () => {
    failWhen((name) => name === 'command.done', 1)
    await perform((context) => touch('kept', context))
    expect(isThere('kept')).toBe(true)
    expect(names()).toEqual(['action.begun', 'command.begun', 'command.done', 'action.done'])
  })

  test('a store that comes back in time is waited for', async () => {
    failWhen((name) => name === 'action.done', 2)
    await perform((context) => touch('late', context))
    expect(isThere('late')).toBe(true)
    expect(names().at(-1)).toBe('action.done')
  })

  test('what was done and cannot be recorded is unknown, and a retry finds it', async () => {
    const probe: How['probe'] = async () => (isThere('done') ? { said: 'it is there' } : undefined)
    failWhen((name) => name === 'action.done')
    await expect(perform((context) => touch('done', context), { probe })).rejects.toMatchObject({
      ...{ details: [{ kind: 'unknown' }] },
      message: expect.stringMatching(
        /^test\.act was done, but that could not be put on record: .* finds what is there\.$/,
      ),
    })
    record.before = () => undefined
    expect(await perform((context) => touch('done', context), { probe })).toEqual({ said: 'it is there' })
    expect(names().at(-1)).toBe('action.found')
  })

  test('a look that cannot be recorded has failed', async () => {
    failWhen(() => true)
    await expect(perform(async () => 'x', { effect: 'read' })).rejects.toMatchObject({
      ...{ details: [{ kind: 'failed' }] },
      message: expect.stringMatching(/^What test\.act saw could not be put on record: .*Nothing was changed/),
    })
  })

  test('a failure says so, too', async () => {
    failWhen((name) => name === 'action.failed')
    await expect(perform(() => Promise.reject(new ActionError('It broke.')))).rejects.toMatchObject({
      ...{ details: [{ kind: 'failed' }] },
      message:
        'It broke. This could not be put on record: The record in /r.db cannot be written: the disk is full.',
    })
  })
})

function fail(): never {
  throw new Error('There is none.')
}
