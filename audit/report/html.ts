import { documentOf, list, policyOf, section, term, code } from './document.ts'
import { answerSection, decisionSection, pairs, troubleSection } from './html-answer.ts'
import { marginSection, patterns, timelineSection } from './html-pictures.ts'
import { type BlobLink, clusterSection, stepSection } from './html-steps.ts'
import { type Content, html } from './markup.ts'
import type { Report } from './model.ts'
import { counted, moment } from './times.ts'
import { state, verifiedText } from './words.ts'

/** The report as one file: nothing is loaded, nothing runs. `writtenMs` is when it was made. */
export function htmlReport(report: Report, writtenMs: number): string {
  const title = titleOf(report)
  return documentOf(
    title,
    policyOf(["form-action 'none'"]),
    html`<main>
      <h1>${title}</h1>
      <p class="note">Report of ${moment(writtenMs)} UTC, from the record of Quorate. All times are UTC.</p>
      ${reportBody(report)}
    </main>`,
  )
}

export const titleOf = ({ answer: { title, runbook, workflow, cluster } }: Report): string =>
  `${title ?? runbook ?? workflow}${cluster === undefined ? '' : ` · ${cluster}`}`

/** What is said, without a frame round it. */
export const reportBody = (report: Report, blob?: BlobLink): Content => [
  patterns,
  answerSection(report),
  troubleSection(report),
  timelineSection(report),
  marginSection(report),
  decisionSection(report),
  clusterSection(report),
  stepSection(report, blob),
  recordSection(report),
]

/** Whether the record is as it was written, and how anybody can see that for themselves. */
function recordSection(report: Report): Content {
  const { verification, answer, history, counts } = report
  const { program, policy, hash, run, workflow } = answer
  return section(
    'record',
    'The record itself',
    html`<p>${state(verifiedText(verification))}</p>
      ${verification !== undefined && list(verification.wrong.map(({ message }) => message))}
      ${verification !== undefined && list(verification.notes.map(({ message }) => message))}
      <p>
        Each event holds the hash of all before it; the last of a run is signed, and the signature handed to
        places outside the store. To repeat the check: ${code('quorate audit verify')}, or on a bundle
        (${code('quorate audit report --format bundle')}), which takes neither the store nor Temporal.
      </p>
      <dl>
        ${term('Run', [code(workflow), ' ', html`<span class="note">key ${code(run)}</span>`])}
        ${term('Events', counted(counts.events, 'event'))}
        ${term('Signed by', verification && list(verification.signers.map(({ fingerprint, trusted }) => html`${code(fingerprint)} ${trusted ? 'trusted' : 'nobody vouched for it'}`)))}
        ${term('Anchors', verification && counted(verification.anchored, 'checkpoint compared', 'checkpoints compared'))}
        ${term('Definition', hash && [code(`sha256:${hash}`), program === undefined ? '' : ' kept as ', program !== undefined && code(program)])}
        ${term('Who might decide', pairs(policy))}
        ${term('Temporal says', history && `${outcomeText(history.status)}, ${counted(history.executions.length, 'execution')}`)}
        ${term('Its histories', history && list(history.executions.map(({ runId, events, blob }) => html`${code(runId)}, ${counted(events, 'event')}, ${code(blob)}`)))}
      </dl>`,
  )
}

const outcomeText = (status: string): string => status.toLowerCase().replaceAll('_', ' ')
