import { runPage as temporalPage, type UiNamespace } from '../../dsl/run-page.ts'
import { bundleStream } from '../bundle.ts'
import { describe } from '../describe.ts'
import type { AuditEvent } from '../event.ts'
import { readReport, readable } from '../report/build.ts'
import { table } from '../report/document.ts'
import { htmlReport, reportBody, titleOf } from '../report/html.ts'
import { jsonReport } from '../report/json.ts'
import { markdownReport } from '../report/markdown.ts'
import { html } from '../report/markup.ts'
import type { Report } from '../report/model.ts'
import { counted, moment } from '../report/times.ts'
import type { RunRow, Store, Verification } from '../store.ts'
import { page, runPath, sorry } from './frame.ts'
import type { Answered, Query } from './request.ts'

export interface RunPages {
  readonly store: Store
  /** Where Temporal's UI is, if that is known. */
  readonly ui?: UiNamespace
  readonly verify: (run: string) => Promise<Verification>
}

/** As much as can be read on one page; a report as a file has more, and the JSON all of it. */
const onAPage = { steps: 150, calls: 600 }
/** To verify more events takes longer than one likes to wait for a page. */
const mostVerifiedAtOnce = 20_000

/** The report on a run, with the ways to take it along. */
export async function runPage(
  { store, ui, verify }: RunPages,
  { run, events }: Pick<RunRow, 'run' | 'events'>,
  query: Query,
): Promise<Answered> {
  const atOnce = events <= mostVerifiedAtOnce || query.text('verify') !== undefined
  const verification = atOnce ? { verification: await verify(run) } : {}
  const report = await readReport(store, run, { ...verification, limits: onAPage })
  if (report === undefined) return noSuchRun(run)
  return page(titleOf(report), [
    html`<nav class="top" aria-label="This run">
      <a href="${runPath(run, '/events')}">All ${counted(report.counts.events, 'event')}</a>
      ${!atOnce && html`<a href="${runPath(run, '?verify=1')}">Verify it, which takes some seconds</a>`}
      <a href="${runPath(run, '/report.html')}" download>Report as HTML</a>
      <a href="${runPath(run, '/report.md')}" download>as Markdown</a>
      <a href="${runPath(run, '/report.json')}" download>as JSON</a>
      <a href="${runPath(run, '/bundle')}" download>Bundle to verify elsewhere</a>
      <a href="/compare?a=${encodeURIComponent(run)}">Compare with another run</a>
      ${ui !== undefined && html`<a href="${temporalPage(ui, report.answer.workflow)}" rel="noreferrer">In Temporal’s UI, while it is there</a>`}
    </nav>`,
    reportBody(report, (sha256) => `/blobs/${encodeURIComponent(sha256)}`),
  ])
}

export const noSuchRun = (run: string): Answered =>
  sorry(
    404,
    'Not on record',
    `There is no run “${run}” on record. It may have been removed by the rules of retention.`,
  )

/** The report as a file. */
export async function reportFile(
  { store, verify }: RunPages,
  run: string,
  kind: FileKind,
): Promise<Answered> {
  const verification = await verify(run)
  const limits = kind === 'json' ? {} : { limits: readable }
  const report = await readReport(store, run, { verification, ...limits })
  if (report === undefined) return noSuchRun(run)
  const { type, write } = files[kind]
  return { type, body: write(report, Date.now()), saveAs: `${report.answer.workflow}.${kind}` }
}

export type FileKind = 'html' | 'md' | 'json'

interface FileFormat {
  readonly type: string
  readonly write: (report: Report, writtenMs: number) => string
}

const files: Readonly<Record<FileKind, FileFormat>> = {
  html: { type: 'text/html; charset=utf-8', write: htmlReport },
  md: { type: 'text/markdown; charset=utf-8', write: markdownReport },
  json: { type: 'application/json; charset=utf-8', write: jsonReport },
}

export async function bundleFile(store: Store, run: string): Promise<Answered> {
  return { type: 'application/gzip', body: await bundleStream(store, run), saveAs: `${run}.quorate-audit` }
}

/** Every event, one a line, some hundred a page. */
export async function eventsPage(store: Store, run: string, query: Query): Promise<Answered> {
  const after = Math.max(0, Math.trunc(Number(query.text('after') ?? 0)) || 0)
  const path = runPath(run, '/events')
  const shown: AuditEvent[] = []
  for await (const { event } of store.events(run)) {
    if (event.seq > after) shown.push(event)
    if (shown.length > eventsAPage) break
  }
  const more = shown.length > eventsAPage
  const events = shown.slice(0, eventsAPage)
  const last = events.at(-1)
  return page(`Events of ${last?.workflow ?? run}`, [
    html`<p><a href="${runPath(run)}">The report on this run</a></p>`,
    table(
      last === undefined ? 'No more events' : `Events ${events[0]?.seq ?? 0} to ${last.seq}`,
      ['No.', 'When (UTC)', 'Name', 'What'],
      events.map(
        (event) =>
          html`<tr>
            <td class="n">${event.seq}</td>
            <td class="w">${moment(Date.parse(event.at))}</td>
            <th scope="row">${event.name}</th>
            <td>${describe(event)}</td>
          </tr>`,
      ),
      'cards',
    ),
    html`<nav class="pages" aria-label="Pages">
      ${after > 0 && html`<a href="${query.with(path, { after: undefined })}">First events</a> `}
      ${more && html`<a href="${query.with(path, { after: String(last?.seq) })}" rel="next">Later events</a>`}
    </nav>`,
  ])
}

const eventsAPage = 300
