import type { Json } from '../../dsl/program.ts'
import type { Output } from '../event.ts'
import { code, section, table, term } from './document.ts'
import { type Content, html, type Markup } from './markup.ts'
import type { Call, ClusterChange, Report, StepReport, Try } from './model.ts'
import { clock, counted, grouped, lasted, moment } from './times.ts'
import { shortened } from './visible.ts'
import { commandLine, commandText, compact, memberText } from './lines.ts'
import { state, statuses, wordFor } from './words.ts'

/** Where the rest is: by digest, the whole of what a command printed. */
export type BlobLink = (sha256: string) => string

/** Every step with its commands and calls, folded; those that did not go well are open. */
export function stepSection(report: Report, blob?: BlobLink): Content {
  const { steps, stepsLeftOut, counts } = report
  return section(
    'steps',
    'Steps, commands and calls',
    html`<p class="note">
        ${counted(steps.length + stepsLeftOut, 'step')}, ${counted(counts.commands, 'command')},
        ${counted(counts.etcdCalls, 'call')} of etcd’s API, ${counted(counts.events, 'event')} on record.
      </p>
      ${steps.map((step) => stepDetails(step, blob))}
      ${stepsLeftOut > 0 && html`<p class="note">${counted(stepsLeftOut, 'more step')} ${stepsLeftOut === 1 ? 'is' : 'are'} not shown: all of it is in the JSON report and in the bundle.</p>`}`,
  )
}

function stepDetails(
  { step, summary, action, effect, undo, gate, status, tries }: StepReport,
  blob?: BlobLink,
): Markup {
  const first = tries[0]
  const hosts = [...new Set(tries.flatMap(({ host, calls }) => [host, ...calls.map((call) => call.host)]))]
  const on = hosts.filter((host) => host !== undefined)
  const took = tries.reduce((sum, one) => sum + (one.ms ?? 0), 0)
  const open = status !== 'done' && status !== 'found'
  const head = html`<summary>
    ${state(statuses[status])} ${summary ?? code(step)}<span class="aside"
      >${summary !== undefined && html`${code(step)}, `}${action}${effect === undefined ? '' : `, ${effect}`}${undo ? ', takes back' : ''}${on.length === 0 ? '' : `, ${on.slice(0, 5).join(' ')}`},
      ${first === undefined ? '' : clock(first.startedMs).slice(0, 8)},
      ${lasted(took)}${tries.length > 1 ? `, ${tries.length} tries` : ''}</span
    >
  </summary>`
  const body = html`<div class="in">
    ${gate !== undefined && html`<p class="note">waited until ${code(shortened(gate, 500))}</p>`}
    ${tries.map((one) => tryDetails(one, tries.length > 1, blob))}
  </div>`
  return open
    ? html`<details class="step" open>${head}${body}</details>`
    : html`<details class="step">${head}${body}</details>`
}

function tryDetails(one: Try, several: boolean, blob?: BlobLink): Markup {
  const { attempt, startedMs, ms, status, message, with: input, output, polls, calls, callsLeftOut } = one
  return html`${several && html`<h3>${moment(startedMs)} UTC${attempt > 1 ? `, attempt ${attempt}` : ''}: ${statuses[status].word}</h3>`}
    ${message !== undefined && html`<p>${shortened(message, 4000)}</p>`}
    <dl>
      ${term('Began', `${moment(startedMs)} UTC`)} ${term('Took', ms === undefined ? undefined : lasted(ms))}
      ${term('Asked', polls === undefined ? undefined : counted(polls, 'time'))}
      ${term('With', input === undefined || isEmpty(input) ? undefined : code(shortened(compact(input), 2000)))}
    </dl>
    ${calls.map((call) => callDetails(call, status === 'done' || status === 'found', blob))}
    ${callsLeftOut > 0 && html`<p class="note">${counted(callsLeftOut, 'more command or call', 'more commands and calls')} ${callsLeftOut === 1 ? 'is' : 'are'} not shown: all of it is in the JSON report and in the bundle.</p>`}
    ${
      output !== undefined &&
      output !== null &&
      html`<details class="call">
        <summary>Output</summary>
        <pre class="in">${shortened(JSON.stringify(output, undefined, 1), 6000)}</pre>
      </details>`
    }`
}

const isEmpty = (value: Json): boolean =>
  value === null || (typeof value === 'object' && Object.keys(value).length === 0)

/** `fine`: what it belongs to went well, so that an exit code other than 0 was an answer. */
function callDetails(one: Call, fine: boolean, blob?: BlobLink): Markup {
  const { host, kind, status, ms, code: exit, signal, message, stdout, stderr, job } = one
  const [text, short] = [commandText(one), commandLine(one)]
  const line = html`${state(wordFor(one, fine))}
    ${code(`${host ?? ''}${kind === 'etcd' ? ': ' : '$ '}${shortened(short, 160)}`)}<span class="aside"
      >${endOf(exit, signal)}${ms === undefined ? '' : lasted(ms)}${job === true ? ', as a job' : ''}</span
    >`
  const long = text.length > 160 || text !== short
  if (!long && message === undefined && isSilent(stdout) && isSilent(stderr)) return html`<p>${line}</p>`
  const inner = html`<div class="in">
    ${long && html`<pre>${shortened(text, 6000)}</pre>`}
    ${message !== undefined && html`<p>${shortened(message, 4000)}</p>`} ${printed('stdout', stdout, blob)}
    ${printed('stderr', stderr, blob)}
  </div>`
  return status === 'done' || (fine && status === 'failed')
    ? html`<details class="call">
        <summary>${line}</summary>
        ${inner}
      </details>`
    : html`<details class="call" open>
        <summary>${line}</summary>
        ${inner}
      </details>`
}

const endOf = (exit: number | undefined, signal: string | undefined): string =>
  signal !== undefined
    ? `ended by ${signal}, `
    : exit === undefined || exit === 0
      ? ''
      : `exit code ${exit}, `

const isSilent = (output: Output | undefined): boolean => output === undefined || output.bytes === 0

function printed(name: string, output: Output | undefined, blob?: BlobLink): Content {
  if (output === undefined || output.bytes === 0) return undefined
  const { head, tail, bytes, sha256, lost = 0 } = output
  const all = tail === '' ? head : `${head}\n… (not shown here) …\n${tail}`
  const link = output.blob === undefined || blob === undefined ? undefined : blob(output.blob)
  return html`<p class="note">
      ${name}, ${grouped(bytes)} bytes, <span class="mono">sha256:${sha256.slice(0, 16)}…</span>
      ${lost > 0 && html`, ${grouped(lost)} bytes before that were not read`}
      ${link !== undefined && html`, <a href="${link}">all of it</a>`}
    </p>
    <pre>${shortened(all, 12_000)}</pre>`
}

/** The membership at first and at last sight, side by side, what has changed marked. */
export function clusterSection({ cluster }: Report): Content {
  if (cluster === undefined) return undefined
  const { before, after, differences } = cluster
  const names = [...new Set([...before.members, ...after.members].map(({ name }) => name))]
  return section(
    'cluster',
    'The cluster before and after',
    differences.length === 0
      ? html`<p>The members are as they were.</p>`
      : html`<ul>
          ${differences.map(({ kind, member, what }) => html`<li>${changes[kind]} <strong>${member}</strong>: ${what.join(', ')}</li>`)}
        </ul>`,
    table(
      `First seen by ${before.step} at ${moment(before.atMs)} UTC, last by ${after.step} at ${moment(after.atMs)} UTC`,
      ['Member', 'Before', 'After'],
      names.map((name) => memberRow(name, cluster)),
      'cards',
    ),
  )
}

const changes = { added: 'added', removed: 'removed', changed: 'changed' } as const

function memberRow(name: string, { before, after }: ClusterChange): Markup {
  const [was, is] = [before, after].map(({ members }) => members.find((member) => member.name === name))
  const [old, now] = [memberText(was), memberText(is)]
  return html`<tr>
    <th scope="row">${name}</th>
    <td data-of="Before:">${old}</td>
    <td data-of="After:">${old === now ? html`<span class="muted">the same</span>` : now}</td>
  </tr>`
}
