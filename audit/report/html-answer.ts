import { availabilityLines } from '../../dsl/availability.ts'
import { compact, entriesOf } from './lines.ts'
import type { Json } from '../../dsl/program.ts'
import { code, list, section, table, term } from './document.ts'
import { type Content, html } from './markup.ts'
import type { Report } from './model.ts'
import { moment } from './times.ts'
import { shortened } from './visible.ts'
import { cautionsOf, gapText, leadOf, outcomeWord, state, statuses, verdicts, verifiedText } from './words.ts'

/** What an auditor asks first: one sentence, then a row for each question. */
export function answerSection(report: Report): Content {
  const { answer, verification } = report
  const outcome = outcomeWord(answer.outcome)
  const verified = verifiedText(verification)
  return section(
    'answer',
    'What was asked, and what came of it',
    html`<p class="lead">${leadOf(answer)}</p>`,
    answer.message !== '' &&
      html`<div class="box ${outcome.tone}"><p>${shortened(answer.message, mostText)}</p></div>`,
    html`<dl>
      ${term('Ended', state(outcome))} ${term('Asked for by', answer.by)}
      ${term('Reason given', answer.reason)} ${term('Cluster', answer.cluster)}
      ${term('Runbook', answer.runbook === undefined ? undefined : [answer.runbook, ' ', definitionOf(report)])}
      ${term('Inputs', pairs(answer.inputs))} ${term('Outputs', pairs(answer.outputs))}
      ${term('Lost', answer.lost.length === 0 ? nothingLost(report) : list(answer.lost))}
      ${term('Longest write gap', gapText(answer))}
      ${term(
        'Availability',
        answer.availability && list(availabilityLines(answer.availability).map((line) => line)),
      )}
      ${term('Plan', answer.plan && code(answer.plan))} ${term('Run', code(answer.workflow))}
      ${term('On record', [state(verified), ' ', html`<a href="#record">how to repeat this</a>`])}
    </dl>`,
  )
}

const mostText = 4000

const nothingLost = ({ answer }: Report): string =>
  answer.outcome === 'open' ? 'nothing that is on record so far' : 'nothing that is on record'

const definitionOf = ({ answer }: Report): Content =>
  answer.hash === undefined
    ? undefined
    : html`<span class="note">definition <code>sha256:${answer.hash}</code></span>`

/** A map as `name: value`, one a line. */
export function pairs(value: Json | undefined): Content {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'object' || Array.isArray(value)) return code(shortened(compact(value), mostText))
  const entries = entriesOf(value)
  if (entries.length === 0) return undefined
  return html`<ul>
    ${entries.map(([name, one]) => html`<li>${name}: ${code(shortened(compact(one), 500))}</li>`)}
  </ul>`
}

/** What went wrong, the one the run ended with first; and what has to be known before the rest is believed. */
export function troubleSection(report: Report): Content {
  const { troubles } = report
  const cautions = cautionsOf(report)
  if (troubles.length === 0 && cautions.length === 0) return undefined
  return [
    troubles.length > 0 &&
      section(
        'failed',
        troubles.some(({ last }) => last) ? 'The step that failed' : 'Steps that failed on the way',
        troubles.slice(0, mostTroubles).map(trouble),
        troubles.length > mostTroubles &&
          html`<p class="note">${troubles.length - mostTroubles} more are among the steps below.</p>`,
      ),
    cautions.length > 0 &&
      section(
        'cautions',
        'To be known before the rest is read',
        html`<div class="box warn">${list(cautions.slice(0, mostTroubles))}</div>`,
        cautions.length > mostTroubles &&
          html`<p class="note">And ${cautions.length - mostTroubles} more such.</p>`,
      ),
  ]
}

const mostTroubles = 20

function trouble({
  step,
  summary,
  action,
  host,
  status,
  atMs,
  message,
  decided,
  later,
  last,
}: Report['troubles'][number]) {
  return html`<div class="box ${statuses[status].tone}">
    <h3>${summary ?? step}</h3>
    <p>
      ${state(statuses[status])}
      <span class="note"
        >${summary !== undefined && html`${code(step)}, `}${action}${host === undefined ? '' : ` on ${host}`},
        ${moment(atMs)} UTC${last ? '; the run ended with this' : ''}</span
      >
    </p>
    <p>${shortened(message, mostText)}</p>
    ${decided !== undefined && html`<p class="note">Decided then: ${decided}</p>`}
    ${later !== undefined && html`<p class="note">The next try: ${statuses[later].word}</p>`}
  </div>`
}

export function decisionSection({ decisions, guards }: Report): Content {
  return [
    section(
      'decisions',
      'Decisions',
      decisions.length === 0
        ? html`<p class="muted">Nobody was asked, and nobody decided anything.</p>`
        : decisions.slice(0, 200).map(decision),
      decisions.length > 200 &&
        html`<p class="note">${decisions.length - 200} more are in the JSON report.</p>`,
    ),
    guards.length > 0 &&
      section(
        'guards',
        'What the guards said',
        table(
          'Guards, before each effect that takes a member out',
          ['When (UTC)', 'Step', 'Verdict', 'What was said'],
          guards.slice(0, 200).map(
            ({ atMs, step, verdict, guard, said, by, comment, reason }) =>
              html`<tr>
                <td class="w">${moment(atMs)}</td>
                <th scope="row">${step}</th>
                <td data-of="Verdict">
                  ${state(verdicts[verdict])}${guard === undefined ? '' : ` (${guard})`}
                </td>
                <td>
                  ${shortened(said, 500)}
                  ${by !== undefined && html`<p>Let pass by ${by}: ${comment}${reason === undefined || reason === '' ? '' : ` (${reason})`}</p>`}
                </td>
              </tr>`,
          ),
          'cards',
        ),
        guards.length > 200 && html`<p class="note">${guards.length - 200} more are in the JSON report.</p>`,
      ),
  ]
}

function decision(one: Report['decisions'][number]): Content {
  const { step, summary, what, message, roles, people, askedMs, answers, unanswered } = one
  const terms = [
    ...(roles === undefined ? [] : [`as ${roles.join(' or ')}`]),
    ...(people === undefined ? [] : [`${people} people`]),
  ]
  return html`<h3>${summary ?? step ?? answers[0]?.decision ?? 'asked'}</h3>
    ${askedMs !== undefined && html`<p class="note">asked at ${moment(askedMs)} UTC${what === undefined ? '' : ` (${what})`}${terms.length === 0 ? '' : `; ${terms.join(', ')}`}${step === undefined ? '' : `; step ${step}`}</p>`}
    ${message !== undefined && html`<pre>${shortened(message, mostText)}</pre>`}
    <ul>
      ${answers.map(
        ({ atMs, decision: said, accepted, by, door, identity, comment, why }) =>
          html`<li>
            <strong>${by}</strong>: ${said}${comment === '' ? '' : ` “${comment}”`}
            ${!accepted && state({ sign: '⊘', word: 'refused', tone: 'warn' })}
            ${why !== undefined && html` ${why}`}
            <span class="aside"
              >${moment(atMs)} UTC, by ${door}${identity === undefined ? '' : ` (${identity})`}</span
            >
          </li>`,
      )}
      ${unanswered !== undefined && html`<li>${state({ sign: '–', word: 'nobody answered', tone: 'warn' })} ${unanswered}</li>`}
      ${answers.length === 0 && unanswered === undefined && html`<li class="muted">no answer is on record</li>`}
    </ul>`
}
