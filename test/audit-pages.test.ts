import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { AxeResults } from 'axe-core'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import type { Archive } from '../audit/archive.ts'
import type { AuditEvent } from '../audit/event.ts'
import { reportBuilder } from '../audit/report/build.ts'
import { hostileRun, mark } from '../audit/report/hostile.ts'
import { htmlReport } from '../audit/report/html.ts'
import { beganOf, ended, replacedMember, sampleBlobs, storyOf } from '../audit/report/sample.ts'
import { seal } from '../audit/seal.ts'
import { openSealKey } from '../audit/seal-key.ts'
import { type Served, serveSite } from '../audit/site/serve.ts'
import { openSqliteStore } from '../audit/sqlite.ts'
import { browserPath, launchBrowser, shot } from './browser.ts'

/** The record as a reader sees it: in a real browser, with the keys alone, in the light and in the dark. */
const withBrowser = browserPath === undefined ? describe.skip : describe
const axe = readFileSync(createRequire(__filename).resolve('axe-core/axe.min.js'), 'utf8')

/** What the browser complained of, and what it asked for. */
interface Watched {
  readonly page: Page
  readonly said: string[]
  readonly asked: string[]
}

withBrowser('the record in a browser', () => {
  let directory: string
  let browser: Browser
  let store: Archive
  let site: Served
  let context: BrowserContext
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'quorate-pages-'))
    store = openSqliteStore(join(directory, 'audit.db'))
    for (const blob of sampleBlobs) await store.putBlob(Buffer.from(blob))
    const key = openSealKey(join(directory, 'seal.pem'))
    for (const [at, run] of ['run-a', 'run-b'].entries()) {
      await store.append(replacedMember(run, Date.UTC(2026, 2, 3 + at, 3, 12, 5)))
      await seal(store, run, key)
    }
    for (let number = 0; number < 12; number += 1) await store.append(defragmented(number))
    site = await serveSite({ store, port: 0 })
    browser = await launchBrowser()
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    await site?.close()
    await store?.close()
    rmSync(directory, { recursive: true, force: true })
  })
  afterEach(() => context?.close())

  async function open(options: Parameters<Browser['newContext']>[0] = {}): Promise<Watched> {
    context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
    const page = await context.newPage()
    const said: string[] = []
    const asked: string[] = []
    page.on('console', (message) => said.push(message.text()))
    page.on('pageerror', (error) => said.push(error.message))
    page.on('dialog', (dialog) => {
      said.push(`dialog: ${dialog.message()}`)
      void dialog.dismiss()
    })
    page.on('request', (request) => asked.push(request.url()))
    return { page, said, asked }
  }

  /** What a checker of accessibility finds, contrast included. It runs beside the page's policy. */
  async function complaints(page: Page): Promise<readonly string[]> {
    await page.evaluate(axe)
    const { violations } = await page.evaluate<AxeResults>(`axe.run({ resultTypes: ['violations'] })`)
    return violations.flatMap(({ id, help, nodes }) => nodes.map(({ html }) => `${id}: ${help}: ${html}`))
  }

  test('the keys lead from the list to a run, and to two side by side', async () => {
    const { page, said, asked } = await open()
    await page.goto(site.url)
    await page.keyboard.press('Tab')
    expect(await focused(page)).toBe('Skip to the content')
    await tabTo(page, 'Text')
    await page.keyboard.type('burnt')
    await page.keyboard.press('Enter')
    await page.waitForURL(/text=burnt/)
    expect(await page.getByRole('status').innerText()).toBe('0 runs that fit')
    await tabTo(page, 'Show all')
    await page.keyboard.press('Enter')
    await page.waitForURL(site.url)
    await tabTo(page, 'Compare Replace a member that is gone')
    await page.keyboard.press('Space')
    await page.keyboard.press('Tab')
    expect(await focused(page)).toBe('Replace a member that is gone')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Space')
    await tabTo(page, 'Compare the two that are chosen')
    await page.keyboard.press('Enter')
    await page.waitForURL(/compare/)
    expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe('Two runs side by side')
    await tabTo(page, 'Replace a member that is gone')
    await page.keyboard.press('Enter')
    await page.waitForURL(/runs\/run-b/)
    await tabTo(page, /swap\/start/)
    await page.keyboard.press('Enter')
    expect(await page.getByText('could not bind').last().isVisible()).toBe(true)
    await tabTo(page, 'Durations', 'back')
    await page.keyboard.press('Enter')
    await page.waitForURL(/durations/)
    expect(said).toEqual([])
    expect(asked.filter((url) => !url.startsWith(site.url))).toEqual([])
  }, 60_000)

  const looks = [
    { scheme: 'light', width: 1280 },
    { scheme: 'dark', width: 1280 },
    { scheme: 'light', width: 400 },
    { scheme: 'dark', width: 400 },
  ] as const
  const pages = {
    list: '/',
    run: '/runs/run-b',
    events: '/runs/run-b/events',
    compare: '/compare?a=run-a&b=run-9',
    durations: '/durations?runbook=etcd-defrag',
    runbooks: '/durations',
    choose: '/compare',
    nothing: '/none',
  }
  test.each(looks)(
    'every page can be read, $scheme and $width pixels wide',
    async ({ scheme, width }) => {
      const { page, said, asked } = await open({ colorScheme: scheme, viewport: { width, height: 900 } })
      for (const [name, path] of Object.entries(pages)) {
        await page.goto(new URL(path, site.url).href)
        await page.evaluate(fold(true))
        expect([name, await page.evaluate<number>('document.documentElement.scrollWidth')]).toEqual([
          name,
          width,
        ])
        expect([name, await page.locator('h1').count()]).toEqual([name, 1])
        if (width > 1000 || name === 'list' || name === 'run')
          expect([name, await complaints(page)]).toEqual([name, []])
        await page.evaluate(fold(false))
        await shot(page, `record-${name}-${scheme}-${width}.png`)
      }
      expect(said.filter((line) => !line.includes('404'))).toEqual([])
      expect(asked.filter((url) => !url.startsWith(site.url))).toEqual([])
    },
    60_000,
  )

  test('on paper all is unfolded, and nothing is there to click', async () => {
    const { page } = await open()
    await page.goto(new URL('/runs/run-b', site.url).href)
    await page.emulateMedia({ media: 'print' })
    expect(await page.getByText('Job for etcd.service failed').isVisible()).toBe(true)
    expect(await page.getByRole('navigation').first().isVisible()).toBe(false)
  })

  describe('hostile output', () => {
    let file: string
    beforeEach(() => {
      const builder = reportBuilder()
      for (const event of hostileRun()) builder.add(event)
      const report = builder.report()
      if (report === undefined) throw new Error('no event')
      file = join(directory, 'hostile.html')
      writeFileSync(file, htmlReport(report, 0))
    })

    test('stays text in the report', async () => {
      const watched = await open()
      await watched.page.goto(`file://${file}`)
      await isInert(watched, [`file://${file}`])
      expect(await watched.page.innerText('body')).toContain('<script>')
    })

    test('stays text on every page of the site', async () => {
      const run = 'hostile'
      await store.append(hostileRun().map((event) => withBlobs({ ...event, run })))
      const watched = await open()
      const sought = encodeURIComponent('"><img src=x onerror=hacked=1><script>hacked=1</script>')
      const paths = ['/', `/runs/${run}`, `/runs/${run}/events`, `/compare?a=${run}&b=run-a`, '/durations']
      const asked = [
        ...paths,
        `/?text=${sought}&cluster=${sought}`,
        `/runs/${sought}`,
        `/compare?a=${sought}`,
      ]
      for (const path of asked) {
        await watched.page.goto(new URL(path, site.url).href)
        await isInert(
          watched,
          asked.map((one) => new URL(one, site.url).href),
        )
      }
      expect(await watched.page.locator('main').innerText()).not.toContain(mark)
    })
  })

  /** Nothing ran, nothing was asked for, and no element or attribute is there that this program does not write. */
  async function isInert({ page, said, asked }: Watched, ours: readonly string[]): Promise<void> {
    const { elements, attributes, links, ...found } = await page.evaluate<Found>(lookRound)
    expect(elements.filter((name) => !ourElements.includes(name))).toEqual([])
    expect(attributes.filter((name) => !ourAttributes.includes(name))).toEqual([])
    expect(links.filter((link) => !/^(#|\/(?!\/)|http:\/\/localhost:8233\/)/.test(link))).toEqual([])
    expect(found).toEqual({ hacked: false, headings: 1, shown: 'block' })
    expect(said.filter((line) => !line.includes('404'))).toEqual([])
    expect(asked.filter((url) => !ours.includes(url))).toEqual([])
  }
})

const words = (text: string): readonly string[] => text.trim().split(/\s+/)

const ourElements = words(`
  html head meta title style body main header nav section h1 h2 h3 p a ul li dl dt dd code pre span strong div
  details summary table caption thead tbody tr th td form label input select option button
  svg defs pattern rect line circle text`)

const ourAttributes = words(`
  lang charset http-equiv content name class id href rel download action for type value autocomplete selected required
  open scope role tabindex data-of aria-label aria-labelledby aria-hidden width height x y x1 x2 y1 y2 cx cy r dx fill
  patternUnits patternTransform text-anchor`)

interface Found {
  readonly hacked: boolean
  readonly elements: readonly string[]
  readonly attributes: readonly string[]
  readonly links: readonly string[]
  readonly headings: number
  readonly shown: string
}

// What runs in the page is text here: the suite has no types of a page's own.
const lookRound = `(() => {
  const all = [...document.querySelectorAll('*')]
  const names = (lists) => [...new Set(lists.flat())]
  const links = [...document.querySelectorAll('[href],[action]')]
  return {
    hacked: 'hacked' in globalThis,
    elements: names(all.map((one) => one.localName)),
    attributes: names(all.map((one) => one.getAttributeNames())),
    links: links.map((one) => one.getAttribute('href') ?? one.getAttribute('action')),
    headings: document.querySelectorAll('h1').length,
    shown: getComputedStyle(document.body).display,
  }
})()`

const fold = (open: boolean): string =>
  `document.querySelectorAll('details').forEach((one) => { one.open = ${String(open)} })`

/** What has the focus, as it is called. */
const focused = async (page: Page): Promise<string> => {
  const name = await page.evaluate<string>(`(() => {
    const one = document.activeElement
    const label = one.id === '' ? null : document.querySelector('label[for="' + one.id + '"]')
    return one.getAttribute('aria-label') ?? label?.textContent ?? one.textContent
  })()`)
  return name.replace(/\s+/g, ' ').trim()
}

async function tabTo(page: Page, name: string | RegExp, way: 'on' | 'back' = 'on'): Promise<void> {
  for (let presses = 0; presses < 250; presses += 1) {
    await page.keyboard.press(way === 'on' ? 'Tab' : 'Shift+Tab')
    const now = await focused(page)
    if (typeof name === 'string' ? now.startsWith(name) : name.test(now)) return
  }
  throw new Error(`The keys never reached ${String(name)}.`)
}

function defragmented(number: number): readonly AuditEvent[] {
  const beganMs = Date.UTC(2026, 1, 1) + number * 9_000_000
  const story = storyOf(`run-${number}`, `etcd-defrag-${number}`, beganMs)
  story.tell('run.began', {}, beganOf('etcd-defrag', 'Defragment every member', 'demo', 'grace'))
  story.pass(20_000 + ((number * 7919) % 60_000))
  const failed = number % 11 === 0
  ended(story, beganMs, failed ? 'failed' : 'done', failed ? 'etcd-2 did not answer in time.' : '')
  return story.events
}

/** Digests that the store has: it takes no event that refers to a blob it has not. */
function withBlobs(event: AuditEvent): AuditEvent {
  const [began] = replacedMember()
  const program = began?.name === 'run.began' ? began.data.program : ''
  const blob = (key: string, value: unknown): unknown =>
    key === 'program' || key === 'blob' ? program : value
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of the same shape as before
  return JSON.parse(JSON.stringify(event), blob) as AuditEvent
}
