import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { bundleWorkflowCode, DefaultLogger, Worker, type WorkflowBundle } from '@temporalio/worker'
import { recordedHistories, stories } from './histories.ts'
import { quiet, workflowBundle } from './temporal-world.ts'

jest.setTimeout(60_000)

/** Runs under way on one version must go on under the next: recorded histories replay, whatever changed. */

const histories = recordedHistories()
const root = resolve(__dirname, '../..')

beforeAll(quiet)

const replay = (workflowBundle: WorkflowBundle, { history, workflowId }: (typeof histories)[number]): Promise<void> =>
  Worker.runReplayHistory({ workflowBundle }, history, workflowId)

test('there is a history of every story', () => {
  expect(histories.map(({ file }) => file)).toEqual(expect.arrayContaining(stories.map(({ name }) => `${name}.json`)))
})

test.each(histories)('$file replays', async (recorded) => {
  await expect(replay(await workflowBundle(), recorded)).resolves.toBeUndefined()
})

describe('the check can fail', () => {
  let planted: string
  let bundle: WorkflowBundle
  beforeAll(async () => {
    planted = mkdtempSync(join(tmpdir(), 'quorate-replay-'))
    for (const entry of ['dsl', 'workflows', 'package.json']) cpSync(join(root, entry), join(planted, entry), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(planted, 'node_modules'))
    plant('temporal-ports.ts', ['this.#calls++\n', 'this.#calls++\n    await sleep(1)\n'])
    plant('plan-ports.ts', ['scheduleActivity }', 'scheduleActivity, sleep }'], ['async read(call) {\n', 'async read(call) {\n      await sleep(1)\n'])
    const workflowsPath = join(planted, 'workflows/index.ts')
    bundle = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') })
  })
  afterAll(() => rmSync(planted, { recursive: true }))

  function plant(name: string, ...changes: readonly (readonly [from: string, to: string])[]): void {
    const file = join(planted, 'workflows', name)
    let text = readFileSync(file, 'utf8')
    for (const [from, to] of changes) {
      expect(text).toContain(from)
      text = text.replace(from, to)
    }
    writeFileSync(file, text)
  }

  test.each(stories)('a timer more before each action breaks $name', async ({ name }) => {
    const recorded = histories.find(({ file }) => file === `${name}.json`)
    if (!recorded) throw new Error(`There is no history of ${name}.`)
    await expect(replay(bundle, recorded)).rejects.toThrow(/[Nn]ondeterminism/)
  })
})
