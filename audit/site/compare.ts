import { readReport } from '../report/build.ts'
import { table } from '../report/document.ts'
import { pairs } from '../report/html-answer.ts'
import { type Content, html } from '../report/markup.ts'
import type { Report, StepReport } from '../report/model.ts'
import { counted, lasted, moment } from '../report/times.ts'
import { gapText, outcomeWord, state, statuses } from '../report/words.ts'
import type { Store } from '../store.ts'
import { page, runPath } from './frame.ts'
import type { Answered, Query } from './request.ts'
import { noSuchRun } from './run.ts'

/** Two runs side by side: `a` and `b`, or `run` twice as the list's form gives them; `find` says which run a name means. */
export async function comparePage(
  store: Store,
  query: Query,
  find: (name: string) => Promise<string | undefined>,
): Promise<Answered> {
  const named = [query.text('a'), query.text('b'), ...query.all('run')]
  const [a, b, more] = named.filter((one) => one !== undefined)
  if (a === undefined || b === undefined || more !== undefined) return choose(a, more !== undefined)
  const reports: Report[] = []
  for (const name of [a, b]) {
    const run = await find(name)
    const report = run === undefined ? undefined : await readReport(store, run, { limits })
    if (report === undefined) return noSuchRun(name)
    reports.push(report)
  }
  const [one, other] = reports
  if (one === undefined || other === undefined) return noSuchRun(a)
  return page('Two runs side by side', [
    table('What was asked, and what came of it', ['What', 'A', 'B'], facts(one, other)),
    html`<h2>Steps</h2>`,
    table(
      'Steps of both, and how long they took',
      ['Step', 'A', 'B', 'B took'],
      stepKeys(one, other)
        .slice(0, mostSteps)
        .map((key) => stepRow(key, one, other)),
    ),
  ])
}

const limits = { steps: 2000, calls: 0 }
const mostSteps = 1000

function choose(a: string | undefined, tooMany: boolean): Answered {
  const said = tooMany ? 'More than two runs were chosen.' : a === undefined ? '' : 'One run is chosen.'
  return page('Compare two runs', [
    html`<p>${said} Choose two in <a href="/">the list of runs</a>, or give their ids here.</p>`,
    html`<form class="filter" action="/compare">
      <div>
        <label for="a">Run A</label><input id="a" name="a" value="${tooMany ? '' : (a ?? '')}" required />
      </div>
      <div><label for="b">Run B</label><input id="b" name="b" required /></div>
      <div><button>Compare</button></div>
    </form>`,
  ])
}

/** Where they differ it is said, not only shown. */
function fact(name: string, a: Content, b: Content, differs = false): Content {
  return html`<tr>
    <th scope="row">${name}${differs && html` <span class="warn state">differs</span>`}</th>
    <td>${a}</td>
    <td>${b}</td>
  </tr>`
}

function facts(one: Report, other: Report): readonly Content[] {
  const compared = (name: string, of: (report: Report) => string): Content =>
    fact(name, of(one), of(other), of(one) !== of(other))
  const each = (name: string, of: (report: Report) => Content): Content => fact(name, of(one), of(other))
  const shown = (name: string, of: (report: Report) => Content, by: (report: Report) => string): Content =>
    fact(name, of(one), of(other), by(one) !== by(other))
  return [
    each('Run', linkTo),
    each('Began (UTC)', ({ answer }) => moment(answer.startedMs)),
    compared('Runbook', ({ answer }) => answer.runbook ?? '–'),
    compared('Definition', ({ answer }) => answer.hash?.slice(0, 16) ?? '–'),
    compared('Cluster', ({ answer }) => answer.cluster ?? '–'),
    compared('Asked for by', ({ answer }) => answer.by ?? '–'),
    shown(
      'Inputs',
      ({ answer }) => pairs(answer.inputs) ?? '–',
      ({ answer }) => JSON.stringify(answer.inputs),
    ),
    shown(
      'Ended',
      ({ answer }) => state(outcomeWord(answer.outcome)),
      ({ answer }) => answer.outcome,
    ),
    each('Took', ({ answer }) => lasted(answer.endedMs - answer.startedMs)),
    compared('Message', ({ answer }) => answer.message || '–'),
    each('Longest write gap', ({ answer }) => gapText(answer)),
    compared('Lowest margin', lowestOf),
    compared('People who decided', decidersOf),
    compared('Steps that failed', ({ troubles }) => troubles.map(({ step }) => step).join(', ') || 'none'),
    shown(
      'Outputs',
      ({ answer }) => pairs(answer.outputs) ?? '–',
      ({ answer }) => JSON.stringify(answer.outputs),
    ),
    each('On record', ({ counts }) => counted(counts.events, 'event')),
  ]
}

const lowestOf = ({ margin }: Report): string =>
  margin.length === 0
    ? 'not seen'
    : String(margin.reduce((low, point) => Math.min(low, point.margin), Infinity))

const linkTo = ({ answer: { run, workflow, title } }: Report): Content =>
  html`<a href="${runPath(run)}">${title ?? workflow}</a>
    <div class="under mono">${workflow}</div>`

function decidersOf({ decisions }: Report): string {
  const people = decisions.flatMap(({ answers }) =>
    answers.filter(({ accepted }) => accepted).map(({ by }) => by),
  )
  const names = [...new Set(people)].toSorted((a, b) => (a < b ? -1 : 1))
  return names.length === 0 ? 'nobody' : names.join(', ')
}

/** In the order of the first, with what only the second has where it stands there. */
function stepKeys({ steps }: Report, other: Report): readonly string[] {
  const keys = steps.map(({ step }) => step)
  const known = new Set(keys)
  let at = 0
  for (const { step } of other.steps) {
    if (known.has(step)) at = keys.indexOf(step) + 1
    else {
      keys.splice(at, 0, step)
      at += 1
    }
  }
  return keys
}

function stepRow(key: string, one: Report, other: Report): Content {
  const [a, b] = [one, other].map(({ steps }) => steps.find(({ step }) => step === key))
  return html`<tr>
    <th scope="row">${key}</th>
    <td>${stepText(a)}</td>
    <td>${stepText(b)}</td>
    <td class="w">${a && b ? difference(msOf(b) - msOf(a)) : '–'}</td>
  </tr>`
}

const stepText = (step: StepReport | undefined): Content =>
  step === undefined
    ? html`<span class="muted">not in it</span>`
    : html`${state(statuses[step.status])}
      ${lasted(msOf(step))}${step.tries.length > 1 ? `, ${step.tries.length} tries` : ''}`

const msOf = ({ tries }: StepReport): number => tries.reduce((sum, { ms = 0 }) => sum + ms, 0)

const difference = (ms: number): string =>
  Math.abs(ms) < 1 ? 'as long' : ms > 0 ? `${lasted(ms)} longer` : `${lasted(-ms)} shorter`
