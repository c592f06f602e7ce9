import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { catalogue } from '../activities/catalogue.ts'
import { previewAction } from '../activities/preview.ts'
import type { Json } from '../dsl/program.ts'
import type { Preview } from '../workflows/plan.ts'
import { type LabActions, startLabActions } from './lab-actions.ts'
import { membersNow } from './world.ts'

jest.setTimeout(60_000)

/** Every action that changes something is previewed on a real cluster, which is afterwards as it was before. */

let lab: LabActions
beforeAll(async () => {
  lab = await startLabActions({})
}, 120_000)
afterAll(() => lab?.close())

/** All that an action could leave behind. */
async function footprint(): Promise<unknown> {
  const endpoints = lab.lab.hosts.map(({ address, clientPort }) => `${address}:${clientPort}`)
  const members = await membersNow({ endpoints })
  const listed = (directory: string): readonly string[] =>
    existsSync(directory) ? readdirSync(directory) : []
  return {
    members,
    inventory: readFileSync(lab.lab.inventory, 'utf8'),
    beside: listed(dirname(lab.lab.inventory)),
    hosts: lab.lab.hosts.map(({ name, layout }) => ({
      name,
      data: listed(dirname(layout.dataDir)),
      work: listed(layout.workDir),
      jobs: listed(join(layout.workDir, 'jobs')),
      etc: listed(dirname(layout.environment)),
      environment: existsSync(layout.environment) ? readFileSync(layout.environment, 'utf8') : '',
      disabled: existsSync(layout.disabled),
    })),
  }
}

/** An example is of a cluster with hosts `host-1` to `host-4`; the lab's are `h1` to `h4`. */
function onLab(value: Json): Json {
  return JSON.parse(JSON.stringify(value).replaceAll(/"host-(\d)"/g, '"h$1"'))
}

async function preview(name: string, input: Json, quorum: 'kept' | 'lost' = 'kept'): Promise<Preview> {
  const action = catalogue.get(name)
  if (action === undefined) throw new Error(`no action ${name}`)
  const given: Readonly<Record<string, Json>> = Object.fromEntries(Object.entries({ ...(input as object) }))
  const run = { id: 'plan', key: 'plan-key', runbook: 'test', hash: '', cluster: lab.lab.cluster }
  const request = { run, step: `step-${name}`, with: given, undo: false, quorum }
  return previewAction(action, { action: name, request }, lab.environment, new AbortController().signal)
}

describe('no preview changes anything', () => {
  let before: unknown
  beforeAll(async () => {
    before = await footprint()
  })
  afterAll(async () => expect(await footprint()).toEqual(before))

  const effects = [...catalogue.values()].filter(({ effect }) => effect !== 'read')
  test.each(effects.map(({ name, example }) => [name, example] as const))('%s', async (name, example) => {
    const seen = await preview(name, onLab(example))
    expect(seen.stopped?.message ?? '').not.toContain('mistake in Quorate')
    const said = seen.changes.length > 0 || seen.stopped !== undefined || seen.there !== undefined
    expect(said).toBe(true)
  })

  test('a stop shows its very command and what the guard says', async () => {
    const seen = await preview('service.stop', { cluster: 'demo', host: 'h2' })
    expect(seen.guard).toEqual({ passes: true })
    expect(seen.changes).toEqual([
      expect.objectContaining({
        kind: 'command',
        host: 'h2',
        argv: expect.arrayContaining(['sh', '-c', 'stop']),
      }),
    ])
  })

  test('a harmful step of a runbook for a lost quorum is refused while one lives', async () => {
    const seen = await preview('service.stop', { cluster: 'demo', host: 'h2' }, 'lost')
    expect(seen.guard).toMatchObject({
      passes: false,
      why: expect.stringContaining('has not lost its quorum'),
    })
  })
})
