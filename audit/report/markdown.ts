import { availabilityLines } from '../../dsl/availability.ts'
import type { Json } from '../../dsl/program.ts'
import type { Output } from '../event.ts'
import { commandLine, compact, entriesOf, memberText } from './lines.ts'
import type { Call, DecisionReport, Report, StepReport, Trouble, Try } from './model.ts'
import { clock, counted, grouped, lasted, moment } from './times.ts'
import { oneLine, shortened, visible } from './visible.ts'
import {
  cautionsOf,
  gapText,
  leadOf,
  outcomeWord,
  statuses,
  verdicts,
  verifiedText,
  wordFor,
} from './words.ts'

/**
 * The report as Markdown. Whatever did not come from this program stands as code: a span on one line, or a block
 * with a fence that is longer than any in it. So no markup, link or table in it means anything.
 */
export function markdownReport(report: Report, writtenMs: number): string {
  const { answer } = report
  const title = answer.title ?? answer.runbook ?? answer.workflow
  const parts = [
    `# Report: ${span(title)}`,
    `Written ${moment(writtenMs)} UTC from the record of Quorate. All times are UTC.`,
    ...answerParts(report),
    ...troubleParts(report),
    ...marginParts(report),
    ...decisionParts(report),
    ...guardParts(report),
    ...clusterParts(report),
    ...stepParts(report),
    ...recordParts(report),
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

/** On one line, as code. */
export function span(text: string): string {
  const line = oneLine(text).replace(/ +/g, ' ').trim()
  if (line === '') return '(empty)'
  const fence = '`'.repeat(longestTicks(line) + 1)
  return fence.length === 1 ? `\`${line}\`` : `${fence} ${line} ${fence}`
}

export function block(text: string, language = 'text'): string {
  const fence = '`'.repeat(Math.max(3, longestTicks(text) + 1))
  return `${fence}${language}\n${visible(text).replace(/\n+$/, '')}\n${fence}`
}

const longestTicks = (text: string): number =>
  [...text.matchAll(/`+/g)].reduce((most, [ticks]) => Math.max(most, ticks.length), 0)

const item = (name: string, text: string): string => (text === '' ? '' : `- **${name}**: ${text}`)
const spanOf = (text: string | undefined): string =>
  text === undefined || text === '' ? '' : span(shortened(text, 2000))
const lines = (...items: readonly string[]): string => items.filter((one) => one !== '').join('\n')

function answerParts(report: Report): readonly string[] {
  const { answer, verification } = report
  const { by, reason, cluster, runbook, hash, inputs, outputs, lost, availability, plan, workflow } = answer
  return [
    '## What was asked, and what came of it',
    span(leadOf(answer)),
    answer.message === '' ? '' : block(answer.message),
    lines(
      item('Ended', known(outcomeWord(answer.outcome).word)),
      item('Asked for by', spanOf(by)),
      item('Reason given', spanOf(reason)),
      item('Cluster', spanOf(cluster)),
      item(
        'Runbook',
        lines(spanOf(runbook), hash === undefined ? '' : spanOf(`sha256:${hash}`)).replace('\n', ', '),
      ),
      item('Inputs', pairs(inputs)),
      item('Outputs', pairs(outputs)),
      item('Lost', lost.length === 0 ? 'nothing that is on record' : lost.map(spanOf).join('; ')),
      item('Longest write gap', spanOf(gapText(answer))),
      item(
        'Availability',
        availability === undefined ? '' : availabilityLines(availability).map(spanOf).join('; '),
      ),
      item('Plan', spanOf(plan)),
      item('Run', spanOf(workflow)),
      item('On record', verifiedText(verification).word),
    ),
  ]
}

/** An outcome that we know is a word of ours. */
const known = (word: string): string => (/^[a-z ]+$/.test(word) ? word : span(word))

function pairs(value: Json | undefined): string {
  if (value === undefined || value === null) return ''
  if (typeof value !== 'object' || Array.isArray(value)) return spanOf(compact(value))
  return entriesOf(value)
    .map(([name, one]) => spanOf(`${name}: ${compact(one)}`))
    .join(', ')
}

function troubleParts(report: Report): readonly string[] {
  const { troubles } = report
  const cautions = cautionsOf(report)
  return [
    ...(troubles.length === 0
      ? []
      : [
          troubles.some(({ last }) => last) ? '## The step that failed' : '## Steps that failed on the way',
          ...troubles.flatMap(troublePart),
        ]),
    ...(cautions.length === 0
      ? []
      : ['## To be known before the rest is read', lines(...cautions.map((text) => `- ${spanOf(text)}`))]),
  ]
}

function troublePart({
  step,
  summary,
  action,
  host,
  atMs,
  status,
  message,
  decided,
  later,
  last,
}: Trouble): string[] {
  return [
    `### ${span(summary ?? step)}`,
    `${statuses[status].word}: ${summary === undefined ? '' : `${span(step)}, `}${span(action)}${host === undefined ? '' : ` on ${span(host)}`}, ${moment(atMs)} UTC${last ? '. The run ended with this.' : ''}`,
    block(message),
    lines(
      item('Decided then', spanOf(decided)),
      item('The next try', later === undefined ? '' : statuses[later].word),
    ),
  ]
}

function marginParts({ margin }: Report): readonly string[] {
  const changes = margin.filter(({ margin: one }, at) => margin[at - 1]?.margin !== one)
  if (changes.length === 0) return []
  return [
    '## Quorum margin over time',
    'How many more members could fail, as steps saw it. Below 0 there is no quorum.',
    lines(
      ...changes.map(
        ({ atMs, step, voters, quorum, margin: left }) =>
          `- ${moment(atMs)}: **${left}** (${voters} voters, quorum ${quorum}), seen by ${span(step)}`,
      ),
    ),
  ]
}

function decisionParts({ decisions }: Report): readonly string[] {
  if (decisions.length === 0) return ['## Decisions', 'Nobody was asked, and nobody decided anything.']
  return ['## Decisions', ...decisions.flatMap(decisionPart)]
}

function decisionPart({
  step,
  summary,
  what,
  message,
  roles,
  askedMs,
  answers,
  unanswered,
}: DecisionReport): string[] {
  return [
    `### ${span(summary ?? step ?? answers[0]?.decision ?? 'asked')}`,
    askedMs === undefined
      ? ''
      : `Asked ${moment(askedMs)} UTC${what === undefined ? '' : `: ${span(what)}`}${roles === undefined ? '' : `, as ${span(roles.join(' or '))}`}${step === undefined ? '' : `, step ${span(step)}`}.`,
    message === undefined ? '' : block(message),
    lines(
      ...answers.map(
        ({ by, decision, accepted, comment, why, door, atMs }) =>
          `- ${span(by)}: ${span(decision)}${comment === '' ? '' : `, ${span(comment)}`}${accepted ? '' : ', **refused**'}${why === undefined ? '' : `, ${span(why)}`} (${moment(atMs)} UTC, by ${span(door)})`,
      ),
      unanswered === undefined ? '' : `- nobody answered: ${span(unanswered)}`,
      answers.length === 0 && unanswered === undefined ? '- no answer is on record' : '',
    ),
  ]
}

function guardParts({ guards }: Report): readonly string[] {
  if (guards.length === 0) return []
  return [
    '## What the guards said',
    lines(
      ...guards.map(
        ({ atMs, step, verdict, guard, said, by, comment }) =>
          `- ${moment(atMs)} ${span(step)}: **${verdicts[verdict].word}**${guard === undefined ? '' : ` by ${span(guard)}`}, ${spanOf(said)}${by === undefined ? '' : `; let pass by ${span(by)}: ${span(comment ?? '')}`}`,
      ),
    ),
  ]
}

function clusterParts({ cluster }: Report): readonly string[] {
  if (cluster === undefined) return []
  const { before, after } = cluster
  const names = [...new Set([...before.members, ...after.members].map(({ name }) => name))]
  const diff = names.flatMap((name) => {
    const [was, is] = [before, after].map(({ members }) => members.find((member) => member.name === name))
    const [old, now] = [memberText(was), memberText(is)]
    if (old === now) return [`  ${name}: ${now}`]
    return [...(was ? [`- ${name}: ${old}`] : []), ...(is ? [`+ ${name}: ${now}`] : [])]
  })
  return [
    '## The cluster before and after',
    `Seen first by ${span(before.step)} at ${moment(before.atMs)}, last by ${span(after.step)} at ${moment(after.atMs)} UTC.`,
    block(diff.map(oneLine).join('\n'), 'diff'),
  ]
}

function stepParts({ steps, stepsLeftOut, counts }: Report): readonly string[] {
  return [
    '## Steps, commands and calls',
    `${counted(steps.length + stepsLeftOut, 'step')}, ${counted(counts.commands, 'command')}, ${counted(counts.etcdCalls, 'call')} of etcd’s API, ${counted(counts.events, 'event')} on record.`,
    ...steps.flatMap(stepPart),
    stepsLeftOut === 0 ? '' : `${counted(stepsLeftOut, 'more step')}: in the JSON report and in the bundle.`,
  ]
}

function stepPart({
  step,
  summary,
  action,
  effect,
  undo,
  gate,
  status,
  tries,
}: StepReport): readonly string[] {
  const about = [
    ...(summary === undefined ? [] : [span(step)]),
    span(action),
    ...(effect === undefined ? [] : [span(effect)]),
    ...(undo ? ['takes back'] : []),
    ...(gate === undefined ? [] : [`until ${spanOf(gate)}`]),
  ]
  return [
    `### ${statuses[status].sign} ${span(summary ?? step)}`,
    `${statuses[status].word}: ${about.join(', ')}`,
    ...tries.flatMap((one) => tryPart(one)),
  ]
}

function tryPart({
  startedMs,
  ms,
  attempt,
  status,
  message,
  with: input,
  calls,
  callsLeftOut,
}: Try): string[] {
  return [
    lines(
      `- ${moment(startedMs)}${ms === undefined ? '' : `, ${lasted(ms)}`}${attempt > 1 ? `, attempt ${attempt}` : ''}: ${statuses[status].word}`,
      entriesOf(input).length === 0 ? '' : `- with ${spanOf(compact(input))}`,
    ),
    message === undefined ? '' : block(message),
    ...calls.map((call) => callPart(call, status === 'done' || status === 'found')),
    callsLeftOut === 0
      ? ''
      : `${counted(callsLeftOut, 'more command or call', 'more commands and calls')}: in the JSON report and in the bundle.`,
  ]
}

function callPart(call: Call, fine: boolean): string {
  const { host = '', kind, ms, code: exit, signal, message, stdout, stderr, startedMs } = call
  const ended =
    signal === undefined ? (exit === undefined ? '' : ` (exit code ${exit})`) : ` (${oneLine(signal)})`
  return block(
    [
      `${host}${kind === 'etcd' ? ': ' : '$ '}${commandLine(call)}`,
      `# ${clock(startedMs)} ${wordFor(call, fine).word}${ended}${ms === undefined ? '' : `, ${lasted(ms)}`}`,
      ...(message === undefined ? [] : [`# ${message}`]),
      ...printed('stdout', stdout),
      ...printed('stderr', stderr),
    ].join('\n'),
  )
}

function printed(name: string, output: Output | undefined): readonly string[] {
  if (output === undefined || output.bytes === 0) return []
  const { head, tail, bytes, sha256 } = output
  const all = tail === '' ? head : `${head}\n… (not shown here) …\n${tail}`
  return [`# ${name}, ${grouped(bytes)} bytes, sha256:${sha256}`, shortened(all, 8000)]
}

function recordParts({ verification, answer, history, counts }: Report): readonly string[] {
  const { run, hash, program, policy } = answer
  return [
    '## The record itself',
    `${verifiedText(verification).word}. To repeat the check: \`quorate audit verify\`, or on a bundle (\`quorate audit report --format bundle\`), which takes neither the store nor Temporal.`,
    lines(
      ...(verification?.wrong ?? []).map(({ message }) => `- wrong: ${spanOf(message)}`),
      ...(verification?.notes ?? []).map(({ message }) => `- ${spanOf(message)}`),
      item('Key', span(run)),
      item('Events', grouped(counts.events)),
      ...(verification?.signers ?? []).map(({ fingerprint, trusted }) =>
        item('Signed by', `${span(fingerprint)}, ${trusted ? 'trusted' : 'nobody vouched for it'}`),
      ),
      item('Definition', spanOf(hash === undefined ? undefined : `sha256:${hash}`)),
      item('Kept as', spanOf(program)),
      item('Who might decide', pairs(policy)),
      item('Temporal says', spanOf(history?.status)),
      ...(history?.executions ?? []).map(({ runId, events, blob }) =>
        item('History', `${span(runId)}, ${counted(events, 'event')}, ${span(blob)}`),
      ),
    ),
  ]
}
