import { expect, test } from '@jest/globals'
import * as markdown from 'prettier/plugins/markdown'
import { reportBuilder } from './build.ts'
import { hostileRun, hostileTexts, mark } from './hostile.ts'
import { htmlReport } from './html.ts'
import { jsonReport } from './json.ts'
import { markdownReport } from './markdown.ts'
import { html, textOf } from './markup.ts'
import type { Report } from './model.ts'
import { oneLine, shortened, visible } from './visible.ts'

/** In a real browser: test/audit-pages.test.ts. */
function hostileReport(): Report {
  const builder = reportBuilder()
  for (const event of hostileRun()) builder.add(event)
  const finding = { message: `${mark}<b>**x**` }
  const report = builder.report({
    ...{ ok: false, events: 1, checkpoints: 1, anchored: 0, wrong: [finding], notes: [finding] },
    signers: [{ fingerprint: `${mark}\`<b>`, trusted: false }],
  })
  if (report === undefined) throw new Error('no event')
  return report
}

interface Node {
  readonly type: string
  readonly value?: string
  readonly children?: readonly Node[]
}

const flat = (node: Node): readonly Node[] => [node, ...(node.children ?? []).flatMap(flat)]

test('Markdown: what is not ours is code, and nothing else', async () => {
  const text = markdownReport(hostileReport(), 0)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its types know its options, not its tree
  const parse = markdown.parsers.markdown.parse as (text: string, options: object) => Promise<Node> | Node
  const nodes = flat(await parse(text, {}))
  const types = new Set(nodes.map(({ type }) => type))
  expect([...types].toSorted()).toEqual(
    ['code', 'heading', 'inlineCode', 'list', 'listItem', 'paragraph', 'root', 'strong', 'text'].toSorted(),
  )
  const prose = nodes.filter(({ type }) => type === 'text').map(({ value = '' }) => value)
  expect(
    prose.filter((value) => /M4RK|evil|hacked|[<>`|[\]{}]|not a heading|no quote|no list/.test(value)),
  ).toEqual([])
  expect(nodes.filter(({ value = '' }) => value.includes(mark)).length).toBeGreaterThan(100)
  expect(text).not.toMatch(hidden)
})

test('HTML: what is not ours is never a tag, nor an attribute but a label', () => {
  const text = htmlReport(hostileReport(), 0)
  const body = text.slice(text.indexOf('<body>'))
  const tags = [...body.matchAll(/<[^>]*>/g)].map(([tag]) => tag)
  const marked = tags.filter((tag) => tag.includes(mark)).map((tag) => tag.replace(/ aria-label="[^"]*"/, ''))
  expect(marked.filter((tag) => tag.includes(mark))).toEqual([])
  expect(body.split(mark).length).toBeGreaterThan(200)
  expect(text).not.toMatch(hidden)
})

test('JSON says it all, and reads back as it was', () => {
  const report = hostileReport()
  expect(JSON.parse(Buffer.from(jsonReport(report), 'utf8').toString('utf8'))).toEqual(
    JSON.parse(jsonReport(report)),
  )
  expect(jsonReport(report)).toContain('\\ud800')
})

/** What a reader cannot see, in a file of ours. */
const hidden = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/u

test.each(hostileTexts.map((text) => [JSON.stringify(text.slice(0, 40)), text]))(
  '%s is seen and inert',
  (_, text) => {
    expect(visible(text)).not.toMatch(/(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}]/u)
    expect(oneLine(text)).not.toMatch(/[\n\t\r]/)
    expect(textOf(html`<i title="${text}">${text}</i>`)).toMatch(/^<i title="[^"<>]*">[^<>]*<\/i>$/s)
    expect(shortened(text, 1)).not.toMatch(/[\u{d800}-\u{dbff}] …/u)
  },
)

test('controls are shown by their number, not dropped', () => {
  expect(visible('a\u001B[1m\u202E\uD800\u0000b')).toBe('a‹1B›[1m‹202E›‹D800›‹00›b')
  expect(visible('a\r\nb\tc 😀 é Ω')).toBe('a\nb\tc 😀 é Ω')
})

test('a value that is no text at all is no markup either', () => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as a changed record could have it
  const strange = [null, true, [false, 1]] as unknown as string
  expect(textOf(html`<p>${strange}</p>`)).toBe('<p>nulltrue1</p>')
})
