import { table } from '../report/document.ts'
import { type Content, html, type Markup } from '../report/markup.ts'
import { counted, lasted, moment } from '../report/times.ts'
import { outcomes, outcomeWord, state } from '../report/words.ts'
import type { RunQuery, RunRow, Store } from '../store.ts'
import { field, page, runPath } from './frame.ts'
import type { Answered, Query } from './request.ts'

/** Runs, newest first; what is looked for stands in the address, so that it can be kept and sent. */
export async function listPage(store: Store, query: Query): Promise<Answered> {
  const { runs, total, next } = await store.runs({ ...runQuery(query), limit: runsAPage })
  const paged = query.text('after') !== undefined
  const filtered = filters.some((name) => query.text(name) !== undefined)
  return page('Runs', [
    filterForm(query, filtered),
    html`<p role="status">
      ${counted(total, 'run')}${filtered ? (total === 1 ? ' that fits' : ' that fit') : ''}${paged ? ', the older part' : ''}
    </p>`,
    runs.length === 0
      ? html`<p class="muted">
          ${filtered ? 'There is none. Take something out of the filter.' : 'Nothing has been recorded yet.'}
        </p>`
      : html`<form action="/compare">
          ${table('Runs, newest first', heads, runs.map(row), 'cards dense')}
          <p>
            <button>Compare the two that are chosen</button>
          </p>
        </form>`,
    html`<nav class="pages" aria-label="Pages">
      ${paged && html`<a href="${query.with('/', { after: undefined })}">Newest runs</a> `}
      ${next !== undefined && html`<a href="${query.with('/', { after: next })}" rel="next">Older runs</a>`}
    </nav>`,
  ])
}

const runsAPage = 50
const heads = ['Compare', 'Began (UTC)', 'Run', 'Cluster', 'Asked by', 'Outcome', 'Took', 'Sealed']

/** From the fields of the form; a day that is none is left out. */
export function runQuery(query: Query): RunQuery {
  const until = dayMs(query.text('until'))
  const fields = {
    cluster: query.text('cluster'),
    runbook: query.text('runbook'),
    person: query.text('person'),
    outcome: query.text('outcome'),
    text: query.text('text'),
    after: query.text('after'),
    sinceMs: dayMs(query.text('since')),
    untilMs: until === undefined ? undefined : until + 86_400_000,
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

const filters = ['text', 'cluster', 'runbook', 'person', 'outcome', 'since', 'until'] as const

function dayMs(text = ''): number | undefined {
  const ms = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN
  return Number.isNaN(ms) ? undefined : ms
}

function filterForm(query: Query, filtered: boolean): Markup {
  const chosen = query.text('outcome') ?? ''
  return html`<form class="filter" role="search" aria-label="Filter runs">
    ${field(query, 'text', 'Text')} ${field(query, 'cluster', 'Cluster')}
    ${field(query, 'runbook', 'Runbook')} ${field(query, 'person', 'Asked or decided by')}
    <div>
      <label for="outcome">Outcome</label>
      <select id="outcome" name="outcome">
        <option value="">any</option>
        ${Object.entries(outcomes).map(([name, { word }]) =>
          name === chosen
            ? html`<option value="${name}" selected>${word}</option>`
            : html`<option value="${name}">${word}</option>`,
        )}
      </select>
    </div>
    ${field(query, 'since', 'Began on or after', 'date')}
    ${field(query, 'until', 'Began on or before', 'date')}
    <div>
      <button>Filter</button>
      ${filtered && html` <a href="/">Show all</a>`}
    </div>
  </form>`
}

function row({ run, workflow, beganMs, began, ended, events, sealed, hold }: RunRow): Content {
  const title = began?.title ?? began?.runbook ?? workflow
  return html`<tr>
    <td><input type="checkbox" name="run" value="${run}" aria-label="Compare ${title}, ${workflow}" /></td>
    <td class="w">${moment(beganMs)}</td>
    <th scope="row">
      <a href="${runPath(run)}">${title}</a>
      <div class="under mono">${workflow}</div>
    </th>
    <td class="name" data-of="Cluster:">${began?.cluster ?? '–'}</td>
    <td class="name" data-of="By:">${began?.by ?? '–'}</td>
    <td>${state(outcomeWord(ended?.outcome ?? 'open'))}</td>
    <td class="w" data-of="Took:">${ended === undefined ? '–' : lasted(ended.endedMs - ended.startedMs)}</td>
    <td data-of="Sealed:">
      ${sealed === 0 ? 'no' : sealed < events ? 'in part' : 'yes'}${hold === undefined ? '' : `, held: ${hold}`}
    </td>
  </tr>`
}
