import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Browser, Page } from 'playwright-core'
import { uiLinks } from '../client/ui-links.ts'
import type { RunResult, RunStatus } from '../workflows/doors.ts'
import { browserPath, launchBrowser, shot } from './browser.ts'
import { startWorld, until, type World } from './world.ts'

/** A person with nothing but a browser: starts, watches, approves, and tries again what has failed. */
const withBrowser = browserPath === undefined ? describe.skip : describe
withBrowser('the Temporal UI as the only door', () => {
  let world: World
  let browser: Browser
  let page: Page
  beforeAll(async () => {
    world = await startWorld({ settings: { QUORATE_RUNBOOKS: join(__dirname, 'runbooks') } })
    browser = await launchBrowser()
    page = await browser.newPage({ viewport: { width: 1400, height: 1100 } })
    page.setDefaultTimeout(60_000)
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await world?.close()
  }, 60_000)

  const id = `by-browser-${process.pid}`
  const links = () => uiLinks({ base: world.temporal.uiUrl, namespace: 'default', taskQueue: 'quorate' })
  const status = () => world.door.client.workflow.getHandle(id).query<RunStatus>('status')

  test('a run is started, approved, and retried after a failure', async () => {
    await page.goto(links().start('ask-and-wait', id))
    const editor = page.locator('[contenteditable=true]').first()
    await editor.click()
    await page.keyboard.insertText(JSON.stringify({ cluster: 'demo' }))
    await page.locator('#workflowType').click()
    await page.getByTestId('start-workflow-button').last().click()
    const waits = (step: string) => async () =>
      (await status().catch(() => undefined))?.view.waiting?.failure.step === step
    await until('the run to ask', waits('consent'), 30_000, 100)

    await page.goto(links().run(id))
    await checklist(page)
    await shot(page, 'ui-asks.png')
    await world.lab.freeze('h3')
    await update(page, 'approve', { by: 'ada', comment: 'go on' })
    await until('the run to fail', waits('well'), 60_000, 100)
    await page.goto(links().run(id))
    await checklist(page)
    await shot(page, 'ui-failed.png')
    await world.lab.thaw('h3')
    await update(page, 'retry', { by: 'grace', reason: 'h3 is back' })
    const result = (await world.door.client.workflow.getHandle(id).result()) as RunResult
    expect(result.outputs).toMatchObject({ by: 'ada', comment: 'go on' })
  }, 300_000)

  async function checklist(on: Page): Promise<void> {
    await on.getByText('User Metadata').first().click()
    await on
      .frameLocator('iframe')
      .getByText(/Ask a person, then see/)
      .first()
      .waitFor()
  }

  async function update(on: Page, name: string, input: object): Promise<void> {
    await on.getByRole('button', { name: 'More Actions' }).click()
    await on.getByRole('menuitem', { name: 'Send an Update' }).click()
    const modal = on.getByRole('dialog', { name: 'Send an Update' })
    await modal.locator('#update-select').locator('..').click()
    await shot(on, `ui-updates-${name}.png`)
    await modal.getByRole('option', { name: new RegExp(`^\\s*${name}\\b`) }).click()
    await modal.locator('[contenteditable=true]').first().click()
    await on.keyboard.insertText(JSON.stringify(input))
    // The editor formats the JSON when it is left, which moves the button below it.
    await modal.locator('input:not([disabled])').first().click()
    await modal.locator('.cm-line').nth(3).waitFor()
    await shot(on, `ui-${name}.png`)
    await modal.getByRole('button', { name: 'Submit' }).click()
    await modal.waitFor({ state: 'hidden' })
  }
})
