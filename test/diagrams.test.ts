import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { resolve } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { catalogue } from '../activities/catalogue.ts'
import { compileRunbook } from '../dsl/compile.ts'
import { diagramOf } from '../dsl/page-diagram.ts'
import { printProblems } from '../dsl/print.ts'
import type { Program } from '../dsl/program.ts'
import { findRunbooks, ownRunbooks } from '../worker/runbooks.ts'
import { browserPath, launchBrowser } from './browser.ts'

/** Every flow diagram is one to Mermaid itself, in the browser it is made for. */

const withBrowser = browserPath === undefined ? test.skip : test

let browser: Browser | undefined
let page: Page | undefined
beforeAll(async () => {
  if (browserPath === undefined) return
  browser = await launchBrowser()
  page = await browser.newPage()
  const mermaid = resolve(__dirname, '../node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js')
  await page.addScriptTag({ path: mermaid })
}, 60_000)
afterAll(() => browser?.close())

/** The labels of the nodes that are drawn; throws what Mermaid has against it. */
async function drawn(diagram: string): Promise<readonly string[]> {
  if (!page) throw new Error('no browser')
  return page.evaluate(async (text) => {
    const { mermaid } = globalThis as unknown as {
      mermaid: {
        initialize(options: object): void
        render(id: string, text: string): Promise<{ readonly svg: string }>
      }
    }
    mermaid.initialize({ startOnLoad: false })
    const { svg } = await mermaid.render(`d${Math.random().toString(36).slice(2)}`, text)
    const { document } = globalThis as unknown as { document: { createElement(name: string): Drawing } }
    interface Drawing {
      innerHTML: string
      querySelectorAll(selector: string): Iterable<{ readonly textContent: string | null }>
    }
    const drawing = document.createElement('div')
    drawing.innerHTML = svg
    return [...drawing.querySelectorAll('.nodeLabel')].map(({ textContent }) => (textContent ?? '').trim())
  }, diagram)
}

withBrowser(
  'that of every runbook of the library',
  async () => {
    const found = await findRunbooks([ownRunbooks()], catalogue)
    expect(found.length).toBeGreaterThan(20)
    for (const { name, compiled } of found) {
      if (!compiled.ok) throw new Error(name)
      const labels = await drawn(diagramOf(compiled.value)).catch((error: unknown) => [
        `${name}: ${String(error)}`,
      ])
      expect(labels).toEqual(expect.arrayContaining(['start', 'done']))
      expect(labels.length).toBeGreaterThan(compiled.value.steps.length)
    }
  },
  120_000,
)

const nasty = [
  'end',
  'a "quoted" [name] {of} (all) | kinds',
  '<b>bold</b> & <script>alert(1)</script>',
  '#quot; %% comment; a --> b',
  '`code` **bold** \\ back',
  'subgraph x',
  '١٢ 😀 ​',
]

const named = (name: string): Program => {
  const file = 'nasty.yaml'
  const step = `{ name: ${JSON.stringify(name)}, uses: etcd.inspect, with: { cluster: a } }`
  const text = `runbook: 1
name: nasty
title: t
steps:
  - ${step}
  - { name: ${JSON.stringify(name)}, if: '"a|b" != "]"', steps: [${step}] }
  - { name: ${JSON.stringify(name)}, forEach: '["a"]', as: x, steps: [${step}, { call: etcd-inspect, with: { cluster: a } }] }
`
  const library = new Map([
    [
      'etcd-inspect',
      {
        file: 'i.yaml',
        text: `runbook: 1\nname: etcd-inspect\ntitle: i\ninputs: { cluster: { type: cluster } }\nsteps: [${step}]\n`,
      },
    ],
  ])
  const compiled = compileRunbook({ file, text, catalogue, library })
  if (!compiled.ok) throw new Error(printProblems(compiled.problems, new Map([[file, text]])))
  return compiled.value
}

withBrowser.each(nasty)('that of steps called %j, which stays text', async (name) => {
  const labels = await drawn(diagramOf(named(name)))
  const plain = name.replace(/\s+/g, ' ').trim()
  expect(labels.filter((label) => label.replace(/\s+/g, ' ').trim() === plain)).toHaveLength(5)
})

withBrowser('what is none is refused', async () => {
  await expect(drawn('flowchart TD\n  a["x" --> b')).rejects.toThrow(/Parse error/)
})
