import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'

/** Where pictures of the pages are left, to be looked at. */
const artefacts = resolve(__dirname, '..', 'test-artefacts')

/** Chromium as `npm test` has found it; undefined where there is none. */
export const browserPath = process.env['QUORATE_CHROMIUM']

/** Without a window, and without a word to the network. */
export const launchBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: browserPath ?? '',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })

export async function shot(page: Page, name: string): Promise<void> {
  mkdirSync(artefacts, { recursive: true })
  await page.screenshot({ path: join(artefacts, name) })
}
