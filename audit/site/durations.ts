import type { RunEnded } from '../event.ts'
import { table } from '../report/document.ts'
import { type Content, html } from '../report/markup.ts'
import { ticksOf } from '../report/scale.ts'
import { counted, lasted, moment } from '../report/times.ts'
import { outcomeWord, state } from '../report/words.ts'
import type { RunRow, Store } from '../store.ts'
import { field, page, runPath } from './frame.ts'
import { runQuery } from './list.ts'
import type { Answered, Query } from './request.ts'

type EndedRow = RunRow & { readonly ended: RunEnded }

/** How long runs of a runbook took, over time; of all runbooks when none is asked for. */
export async function durationsPage(store: Store, query: Query): Promise<Answered> {
  const { after: _after, ...asked } = runQuery(query)
  const { runs, total } = await store.runs({ ...asked, limit: mostRuns })
  const ended = runs.filter((run): run is EndedRow => run.ended !== undefined).toReversed()
  const runbook = asked.runbook
  return page(runbook === undefined ? 'Durations' : `Durations of ${runbook}`, [
    html`<form class="filter" role="search" aria-label="Which runs">
      ${field(query, 'runbook', 'Runbook')} ${field(query, 'cluster', 'Cluster')}
      ${field(query, 'since', 'Began on or after', 'date')}
      ${field(query, 'until', 'Began on or before', 'date')}
      <div><button>Show</button></div>
    </form>`,
    total > runs.length &&
      html`<p class="note">
        Of ${counted(total, 'run')} the newest ${runs.length} are looked at; give days to see others.
      </p>`,
    ended.length === 0
      ? html`<p class="muted">There is no run that has ended.</p>`
      : runbook === undefined
        ? byRunbook(ended, query)
        : overTime(ended),
  ])
}

const mostRuns = 200

const msOf = ({ ended }: EndedRow): number => Math.max(0, ended.endedMs - ended.startedMs)

/** The value that so large a part of them does not exceed. */
function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0
}

function byRunbook(runs: readonly EndedRow[], query: Query): Content {
  const groups = new Map<string, EndedRow[]>()
  for (const run of runs) {
    const name = run.began?.runbook ?? ''
    groups.set(name, [...(groups.get(name) ?? []), run])
  }
  return table(
    'Runbooks, by how often they were run',
    ['Runbook', 'Runs', 'Done', 'Median', 'Nine of ten within', 'Longest'],
    [...groups]
      .toSorted(([, a], [, b]) => b.length - a.length)
      .map(([name, of]) => {
        const lengths = of.map(msOf)
        return html`<tr>
          <th scope="row">
            ${name === '' ? 'not on record' : html`<a href="${query.with('/durations', { runbook: name })}">${name}</a>`}
          </th>
          <td>${of.length}</td>
          <td>${of.filter(({ ended }) => ended.outcome === 'done').length}</td>
          <td class="w">${lasted(quantile(lengths, 0.5))}</td>
          <td class="w">${lasted(quantile(lengths, 0.9))}</td>
          <td class="w">${lasted(quantile(lengths, 1))}</td>
        </tr>`
      }),
  )
}

const height = 220

function overTime(runs: readonly EndedRow[]): Content {
  const lengths = runs.map(msOf)
  const [longest, median] = [Math.max(1, quantile(lengths, 1)), quantile(lengths, 0.5)]
  const other = runs.filter(({ ended }) => ended.outcome !== 'done').length
  return [
    html`<p>
      ${counted(runs.length, 'run')}: half of them took at most ${lasted(median)}, nine of ten at most
      ${lasted(quantile(lengths, 0.9))}, the longest ${lasted(longest)}. ${counted(other, 'run')} did not end
      as done.
    </p>`,
    html`<p class="keys">
      <span>${dotKey('dot')} done</span><span>${dotKey('dot low')} ended otherwise</span>
      <span
        ><svg class="key" width="18" height="11" aria-hidden="true">
          <line class="zero" x1="0" x2="18" y1="6" y2="6" />
        </svg>
        median</span
      >
    </p>`,
    drawing(runs, longest, median),
    table(
      'The same as a table, newest first',
      ['Began (UTC)', 'Cluster', 'Took', 'Outcome', 'Asked by'],
      runs.toReversed().map(
        (run) =>
          html`<tr>
            <th scope="row"><a href="${runPath(run.run)}">${moment(run.beganMs)}</a></th>
            <td>${run.began?.cluster ?? '–'}</td>
            <td class="w">${lasted(msOf(run))}</td>
            <td>${state(outcomeWord(run.ended.outcome))}</td>
            <td>${run.began?.by ?? '–'}</td>
          </tr>`,
      ),
    ),
  ]
}

const dotKey = (kind: string) =>
  html`<svg class="key" width="12" height="11" aria-hidden="true">
    <circle class="${kind}" cx="6" cy="6" r="4" />
  </svg>`

function drawing(runs: readonly EndedRow[], longest: number, median: number): Content {
  const [from, to] = [runs[0]?.beganMs ?? 0, runs.at(-1)?.beganMs ?? 0]
  const x = (ms: number): string =>
    `${to === from ? 50 : Math.round(8000 + ((ms - from) / (to - from)) * 90_000) / 1000}%`
  const y = (ms: number): number => Math.round(height - (ms / longest) * (height - 16))
  return html`<svg
    width="100%"
    height="${height + 22}"
    role="img"
    aria-label="How long each run took, by when it began; the table below says the same"
  >
    ${ticksOf({ fromMs: 0, toMs: longest }, 4).map(
      (ms) =>
        html`<line class="rule" x1="0" x2="100%" y1="${y(ms)}" y2="${y(ms)}" />
          <text x="0" y="${y(ms) - 3}">${ms === 0 ? '0' : lasted(ms)}</text>`,
    )}
    <line class="zero" x1="0" x2="100%" y1="${y(median)}" y2="${y(median)}" />
    ${runs.map(
      (run) =>
        html`<circle
          class="dot ${run.ended.outcome === 'done' ? '' : 'low'}"
          cx="${x(run.beganMs)}"
          cy="${y(msOf(run))}"
          r="4"
          ><title>
            ${moment(run.beganMs)}, ${run.began?.cluster ?? ''}: ${lasted(msOf(run))},
            ${outcomeWord(run.ended.outcome).word}
          </title></circle
        >`,
    )}
    <text x="8%" y="${height + 18}">${moment(from).slice(0, 10)}</text>
    <text x="98%" y="${height + 18}" text-anchor="end">${moment(to).slice(0, 10)}</text>
  </svg>`
}
