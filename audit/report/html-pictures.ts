import { section, table } from './document.ts'
import { type Bar, type Timeline, timelineOf } from './lanes.ts'
import { type Content, html, type Markup } from './markup.ts'
import type { MarginPoint, Report } from './model.ts'
import { type Scale, type Stretch, ticksOf } from './scale.ts'
import { clock, counted, lasted, moment } from './times.ts'
import { shortened } from './visible.ts'

/** What went on when, a line a host, to scale; the same as a table below it. */
export function timelineSection(report: Report): Content {
  const timeline = timelineOf(report)
  if (timeline.lanes.length === 0) return undefined
  const { whole, scale, lanes } = timeline
  const bars = lanes.flatMap(({ name, rows }) => rows.flat().map((bar) => ({ name, ...bar })))
  return section(
    'timeline',
    'Timeline',
    html`<p class="note">
        ${moment(whole.fromMs)} to ${moment(whole.toMs)} UTC, to scale.
        ${scale.breaks.map((gap) => `Drawn shorter, since nothing was done then: ${lasted(gap.toMs - gap.fromMs)} from ${clock(gap.fromMs).slice(0, 8)}. `)}
      </p>
      ${keys}
      ${lanes.map(
        ({ name, rows }) =>
          html`<div class="lane">
            <div>${name}</div>
            ${laneDrawing(name, rows, timeline)}
          </div>`,
      )}
      <div class="lane">
        <div></div>
        ${axis(timeline)}
      </div>
      <details>
        <summary>The same as a table (${counted(bars.length, 'row')})</summary>
        ${table(
          'What went on when',
          ['Where', 'From (UTC)', 'How long', 'What', 'How it ended'],
          bars.slice(0, mostRows).map(
            ({ name, fromMs, toMs, label, status }) =>
              html`<tr>
                <th scope="row">${name}</th>
                <td class="w">${clock(fromMs)}</td>
                <td class="w n">${lasted(toMs - fromMs)}</td>
                <td>${shortened(label, 300)}</td>
                <td>${status}</td>
              </tr>`,
          ),
          'cards',
        )}
        ${bars.length > mostRows && html`<p class="note">${bars.length - mostRows} more are in the JSON report.</p>`}
      </details>`,
  )
}

const mostRows = 400
const rowHeight = 13

const percent = (value: number): string => `${Math.round(value * 1000) / 1000}%`

/** Patterns are looked up by name in the whole page. */
export const patterns = html`<svg width="0" height="0" class="hidden" aria-hidden="true">
  <defs>
    <pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
      <rect class="hatchbg" width="6" height="6" />
      <line class="hatch" x1="1.5" y1="0" x2="1.5" y2="6" />
    </pattern>
  </defs>
</svg>`

const keyOf = (kind: string, height: number, word: string): Markup =>
  html`<span
    ><svg class="key" width="18" height="11" aria-hidden="true">
      <rect class="${kind}" y="${(11 - height) / 2}" width="18" height="${height}" />
    </svg>
    ${word}</span
  >`

const keys = html`<p class="keys">
  ${keyOf('read', 4, 'looks')} ${keyOf('change', 9, 'changes')}
  ${keyOf('disrupt', 11, 'disrupts or destroys')} ${keyOf('waiting', 6, 'waits for a person')}
  <span
    ><svg class="key" width="18" height="11" aria-hidden="true">
      <rect class="wrong" fill="url(#hatch)" y="1" width="18" height="9" />
    </svg>
    did not succeed</span
  >
</p>`

function laneDrawing(name: string, rows: readonly (readonly Bar[])[], { scale }: Timeline): Markup {
  const height = rows.length * rowHeight + 3
  const wrong = rows.flat().filter(isWrong).length
  const count = counted(rows.flat().length, 'bar')
  return html`<svg
    width="100%"
    height="${height}"
    role="img"
    aria-label="${name}: ${count}${wrong === 0 ? '' : `, ${wrong} that did not succeed`}; the table below says the same"
  >
    ${breakLines(scale, height)}
    ${rows.map((row, at) => merged(row, scale).map((bar) => rect(bar, at, scale)))}
  </svg>`
}

const breakLines = (scale: Scale, height: number): Content =>
  scale.breaks.map(({ fromMs, toMs }) => {
    const middle = percent((scale.place(fromMs) + scale.place(toMs)) / 2)
    return html`<line class="break" x1="${middle}" x2="${middle}" y1="0" y2="${height}" />`
  })

const heights: Readonly<Record<string, number>> = { read: 4, change: 9, disrupt: 11, destroy: 11 }

function rect(bar: Bar & { readonly count?: number }, row: number, scale: Scale): Markup {
  const { fromMs, toMs, kind, effect = 'read', label, status, count = 1 } = bar
  const height = kind === 'waiting' ? 6 : (heights[effect] ?? 4)
  const from = scale.place(fromMs)
  const shape = kind === 'waiting' ? 'waiting' : effect in heights ? effect : 'read'
  const tall = isWrong(bar) ? Math.max(height, 9) : height
  const place = html`x="${percent(Math.min(from, 99.8))}" y="${row * rowHeight + (rowHeight - tall) / 2}"
  width="${percent(Math.max(0.2, scale.place(toMs) - from))}" height="${tall}"`
  const title = html`<title>
    ${count > 1 ? `${counted(count, 'bar')}, the first: ` : ''}${shortened(label, 200)},
    ${lasted(toMs - fromMs)}, ${status}
  </title>`
  return isWrong(bar)
    ? html`<rect class="wrong" fill="url(#hatch)" ${place}>${title}</rect>`
    : html`<rect class="${shape}" ${place}>${title}</rect>`
}

const isWrong = ({ status }: Bar): boolean =>
  status === 'failed' || status === 'unknown' || status === 'refused' || status === 'unfinished'

/** Bars alike that are too near to each other to be told apart are drawn as one. */
function merged(row: readonly Bar[], scale: Scale): readonly (Bar & { readonly count?: number })[] {
  const result: (Bar & { count?: number })[] = []
  for (const bar of row) {
    const last = result.at(-1)
    const near = last !== undefined && scale.place(bar.fromMs) - scale.place(last.toMs) < 0.1
    const small = scale.place(bar.toMs) - scale.place(bar.fromMs) < 0.2
    if (last !== undefined && near && small && last.effect === bar.effect && isWrong(last) === isWrong(bar))
      result[result.length - 1] = {
        ...last,
        toMs: Math.max(last.toMs, bar.toMs),
        count: (last.count ?? 1) + 1,
      }
    else result.push(bar)
  }
  return result
}

/** Few enough that they do not touch each other on a narrow screen. */
function axis({ whole, scale }: Timeline): Markup {
  const far = (ms: number, from: number) => scale.place(ms) - from >= 17
  const shown: number[] = []
  for (const ms of ticksOf(whole, (12 * (whole.toMs - whole.fromMs)) / scale.keptMs)) {
    const place = scale.place(ms)
    const inBreak = scale.breaks.some((gap) => ms > gap.fromMs && ms < gap.toMs)
    const last = shown.at(-1)
    if (!inBreak && place < 90 && (last === undefined || far(ms, scale.place(last)))) shown.push(ms)
  }
  const fine = whole.toMs - whole.fromMs < 10_000
  return html`<svg width="100%" height="20" aria-hidden="true">
    ${shown.map(
      (ms) =>
        html`<line
            class="rule"
            x1="${percent(scale.place(ms))}"
            x2="${percent(scale.place(ms))}"
            y1="0"
            y2="5"
          />
          <text x="${percent(scale.place(ms))}" y="16">${clock(ms).slice(0, fine ? 12 : 8)}</text>`,
    )}
  </svg>`
}

/** How many more members could fail, as it was seen over time. */
export function marginSection(report: Report): Content {
  const { margin } = report
  if (margin.length === 0) return undefined
  const { whole, scale } = timelineOf(report)
  const points = changesOnly(margin)
  const lowest = margin.reduce((low, point) => (point.margin < low.margin ? point : low))
  return section(
    'margin',
    'Quorum margin over time',
    html`<p>
        How many more members could fail, as steps saw it: ${margin[0]?.margin} at first, ${lowest.margin} at
        the lowest (${lowest.step}, ${clock(lowest.atMs).slice(0, 8)} UTC), ${margin.at(-1)?.margin} at the
        end. ${lowest.margin < 0 && html`<strong class="bad">Below 0 there is no quorum.</strong>`}
      </p>
      <div class="lane">
        <div>margin</div>
        ${curve(points, whole, scale)}
      </div>
      <details>
        <summary>The same as a table (${counted(points.length, 'row')})</summary>
        ${table(
          'Quorum margin, where it changed',
          ['When (UTC)', 'Seen by', 'Voters', 'Quorum', 'Margin'],
          points.slice(0, mostRows).map(
            ({ atMs, step, voters, quorum, margin: left }) =>
              html`<tr>
                <td class="w">${moment(atMs)}</td>
                <th scope="row">${step}</th>
                <td class="n">${voters}</td>
                <td class="n">${quorum}</td>
                <td class="n">${left}</td>
              </tr>`,
          ),
        )}
      </details>`,
  )
}

const changesOnly = (points: readonly MarginPoint[]): readonly MarginPoint[] =>
  points.filter(
    ({ margin, voters }, at) => points[at - 1]?.margin !== margin || points[at - 1]?.voters !== voters,
  )

function curve(points: readonly MarginPoint[], whole: Stretch, scale: Scale): Markup {
  const values = points.map(({ margin }) => margin)
  const [top, bottom] = [Math.max(1, ...values), Math.min(0, ...values)]
  const step = Math.max(4, Math.min(26, 130 / Math.max(1, top - bottom)))
  const height = (top - bottom) * step + 22
  const y = (value: number): number => (top - value) * step + 10
  const levels = Array.from({ length: top - bottom + 1 }, (_, at) => bottom + at).filter(
    (value) => top - bottom < 8 || value % 5 === 0,
  )
  return html`<svg
    width="100%"
    height="${height}"
    role="img"
    aria-label="Margin over time; the table below says the same"
  >
    ${levels.map(
      (value) =>
        html`<line
            class="${value === 0 ? 'zero' : 'rule'}"
            x1="0"
            x2="100%"
            y1="${y(value)}"
            y2="${y(value)}"
          />
          <text x="100%" dx="7" y="${y(value) + 4}">${value}</text>`,
    )}
    ${points.map((point, at) => {
      const [from, to] = [scale.place(point.atMs), scale.place(points[at + 1]?.atMs ?? whole.toMs)]
      const next = points[at + 1]
      const tone = point.margin < 0 ? 'low' : ''
      return html`<line
          class="curve ${tone}"
          x1="${percent(from)}"
          x2="${percent(to)}"
          y1="${y(point.margin)}"
          y2="${y(point.margin)}"
        />
        ${next && html`<line class="curve ${tone}" x1="${percent(to)}" x2="${percent(to)}" y1="${y(point.margin)}" y2="${y(next.margin)}" />`}
        <circle class="dot ${tone}" cx="${percent(from)}" cy="${y(point.margin)}" r="3.5"
          ><title>${point.step}: ${point.margin}</title></circle
        >`
    })}
  </svg>`
}
