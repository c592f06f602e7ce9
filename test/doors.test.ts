import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { ApplicationFailure, WorkflowFailedError } from '@temporalio/client'
import type { Page } from 'playwright-core'
import type { FailureDetails } from '../workflows/doors.ts'
import { browserPath, launchBrowser, shot } from './browser.ts'
import { footprint, startWorld, until, whoIsWhere, type World } from './world.ts'

/** Runs started through the Temporal server as its UI starts them, and through the UI's own pages. */
describe('the Temporal door', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld()
  }, 120_000)
  afterAll(() => world?.close(), 60_000)

  test.each<[string, unknown, readonly RegExp[]]>([
    ['nothing at all', undefined, [/cluster/, /member/, /"?to"?/]],
    ['a list', [1, 2], [/object/i]],
    ['an unknown cluster', { cluster: 'dmeo', member: 'etcd-1', to: 'h4' }, [/dmeo/, /demo/]],
    ['an unknown member', { cluster: 'demo', member: 'etcd-9', to: 'h4' }, [/etcd-9/, /etcd-1/]],
    ['an unknown host', { cluster: 'demo', member: 'etcd-1', to: 'h44' }, [/h44/, /h4/]],
    [
      'a field that is not there',
      { cluster: 'demo', member: 'etcd-1', to: 'h4', stabel: '1s' },
      [/stabel/, /stable/],
    ],
    [
      'several wrong fields',
      { cluster: 'demo', member: 7, to: 'h4', stable: 'soon', maxLag: 0 },
      [/member/, /stable/, /maxLag/],
    ],
  ])('wrong input (%s) ends the run at once with one sentence for each field', async (_what, input, says) => {
    const before = await footprint(world)
    const handle = await world.door.client.workflow.start('etcd-migrate-node', {
      workflowId: `wrong-${Math.random().toString(36).slice(2)}`,
      taskQueue: 'quorate',
      args: input === undefined ? [] : [input],
    })
    const failure = await failureOf(handle.result())
    expect(failure.type).toBe('InputError')
    for (const pattern of says) expect(failure.message).toMatch(pattern)
    expect(failure.message).not.toMatch(/\n\s+at /)
    expect(await footprint(world)).toEqual(before)
  })

  test('an unknown runbook is told with those there are', async () => {
    const handle = await world.door.client.workflow.start('etcd-migrate-nod', {
      workflowId: 'unknown-runbook',
      taskQueue: 'quorate',
      args: [{}],
    })
    const failure = await failureOf(handle.result())
    expect(failure.type).toBe('InputError')
    expect(failure.message).toMatch(/etcd-migrate-nod.*etcd-migrate-node/s)
  })

  test('two starts on one cluster: one runs, the other is told by whom and since when', async () => {
    const { hosts, free } = whoIsWhere(world)
    const inputs = { cluster: 'demo', member: 'etcd-1', to: free.name, stable: '1s' }
    const first = await world.start(inputs, { by: 'ada' })
    await until('the first to hold the lock', async () => (await first.status()).view.phase === 'running')
    const second = await world.start({ ...inputs, member: 'etcd-2' }, { by: 'grace' })
    const failure = await failureOf(second.result())
    expect(failure.type).toBe('ClusterLocked')
    expect(failure.message).toContain(first.id)
    expect(failure.message).toContain('ada')
    const [details] = failure.details as [FailureDetails]
    expect(details.holder).toMatchObject({ run: first.id, by: 'ada', cluster: 'demo' })
    expect(failure.message).toContain(new Date(details.holder?.sinceMs ?? 0).toISOString())

    const third = await world.start(
      { ...inputs, member: 'etcd-2', to: hosts['etcd-1'] },
      { by: 'grace', wait: true },
    )
    await until('the third to queue', async () => (await third.status()).view.phase === 'queued')
    expect((await first.result()).outputs).toMatchObject({ member: 'etcd-1', to: free.name })
    expect((await third.result()).outputs).toMatchObject({ member: 'etcd-2', to: hosts['etcd-1'] })
  }, 120_000)

  const withBrowser = browserPath === undefined ? test.skip : test
  withBrowser(
    'a person starts a run in the Temporal UI, watches it and sees its checklist',
    async () => {
      const { free } = whoIsWhere(world)
      const browser = await launchBrowser()
      try {
        const page = await browser.newPage({ viewport: { width: 1400, height: 1200 } })
        const id = `from-the-ui-${process.pid}`
        const input = { cluster: 'demo', member: 'etcd-3', to: free.name, stable: '3s' }
        await startInUi(page, id, input)
        const handle = world.door.client.workflow.getHandle(id)
        await until('the run to have begun', async () => {
          const status = await handle.query<{ view: { phase: string } }>('status').catch(() => undefined)
          return status?.view.phase === 'running'
        })
        const result = (await handle.result()) as { outputs: Record<string, unknown> }
        expect(result.outputs).toMatchObject({ member: 'etcd-3', to: free.name })

        await page.goto(`${world.temporal.uiUrl}/namespaces/default/workflows/${id}`)
        await page.getByText('etcd-migrate-node').first().waitFor({ timeout: 45_000 })
        await page
          .getByText(/etcd-3: stop etcd/)
          .first()
          .waitFor({ timeout: 45_000 })
        await shot(page, 'run-history.png')
        await page.getByText('User Metadata').first().click()
        await page
          .frameLocator('iframe')
          .getByText(/Move a member to another host/)
          .first()
          .waitFor({ timeout: 45_000 })
        await shot(page, 'run-checklist.png')
      } finally {
        await browser.close()
      }
    },
    240_000,
  )

  async function startInUi(page: Page, id: string, input: unknown): Promise<void> {
    const query = `workflowId=${id}&taskQueue=quorate&workflowType=etcd-migrate-node`
    await page.goto(`${world.temporal.uiUrl}/namespaces/default/workflows/start-workflow?${query}`)
    const editor = page.locator('[contenteditable=true]').first()
    await editor.click({ timeout: 45_000 })
    await page.keyboard.insertText(JSON.stringify(input))
    // The editor formats the JSON when it is left, which moves the button below it.
    await page.locator('#workflowType').click()
    await page.locator('.cm-line').nth(3).waitFor({ timeout: 45_000 })
    await shot(page, 'start-form.png')
    await page.getByTestId('start-workflow-button').last().click()
  }
})

async function failureOf(result: Promise<unknown>): Promise<ApplicationFailure> {
  const error = await result.then(
    (value) => new Error(`The run ended well: ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  )
  if (error instanceof WorkflowFailedError && error.cause instanceof ApplicationFailure) return error.cause
  throw error
}
