import { listed } from '../dsl/near.ts'
import type { Place, Program } from '../dsl/program.ts'
import { placeAt } from '../dsl/source.ts'
import { childOf } from '../dsl/yaml-node.ts'
import type { Waiting } from '../workflows/ports.ts'
import { callDiff } from './call-diff.ts'
import { callText, expectedCall, expectedText, flow, has, isCall } from './calls.ts'
import type { Played } from './play.ts'
import type { Test, TestFile } from './read-tests.ts'
import { isSaid } from './said.ts'
import { meansStep } from './step-names.ts'
import { type ExpectedWait, waitSchema } from './test-schema.ts'

/** An expectation that did not come true. */
export interface Miss {
  /** Where in the test file it stands. */
  readonly at: Place
  /** What was expected: `calls`, `end`. */
  readonly what: string
  /** What came instead, a line each. */
  readonly lines: readonly string[]
}

/** All expectations of a test that did not come true. */
export function judge(file: TestFile, test: Test, program: Program, played: Played): readonly Miss[] {
  const { expect: expected } = test
  const miss = (what: string, lines: readonly string[] | undefined): readonly Miss[] =>
    lines === undefined ? [] : [{ at: placeOf(file, test, what), what, lines }]
  const changes = played.calls.filter(({ action }) => program.actions[action]?.effect !== 'read')
  return [
    ...miss('decide', played.misfit === undefined ? undefined : [played.misfit]),
    ...miss('end', endDiff(expected.end, played)),
    ...miss('message', messageDiff(expected.message, played)),
    ...miss('calls', expected.calls && callDiff(expected.calls.map(expectedCall), played.calls)),
    ...miss('changes', expected.changes && callDiff(expected.changes.map(expectedCall), changes)),
    ...miss('includes', includedDiff(expected.includes ?? [], played)),
    ...miss('never', neverDiff(expected.never ?? [], played)),
    ...miss('waits', expected.waits && waitsDiff(expected.waits, played.waits)),
    ...miss('notices', expected.notices && noticesDiff(expected.notices, played.notices)),
    ...miss('steps', stepsDiff(expected.steps ?? {}, played)),
    ...miss('outputs', outputsDiff(expected.outputs ?? {}, played)),
  ]
}

/** Of the expectation where it is written; else of the test. */
function placeOf({ source }: TestFile, { node }: Test, what: string): Place {
  const expected = childOf(node, 'expect')
  const found =
    (what === 'decide' ? childOf(node, what) : expected && childOf(expected, what)) ?? expected ?? node
  return placeAt(source, found.range.start)
}

function endDiff(expected: Played['end'], { end, message, waits }: Played): readonly string[] | undefined {
  if (expected === end) return undefined
  const waiting = end === 'waiting' ? waits.at(-1) : undefined
  const instead = [`expected ${expected}, but it ${endTexts[end]}`, ...(message === '' ? [] : [message])]
  return waiting === undefined ? instead : [...instead, ...offersOf(waiting)]
}

const endTexts: Readonly<Record<Played['end'], string>> = {
  done: 'came to its end',
  failed: 'failed',
  rolledBack: 'was rolled back',
  aborted: 'was aborted',
  cancelled: 'was cancelled',
  waiting: 'waits for a person',
}

const offersOf = ({ failure, offers, withheld }: Waiting): readonly string[] => [
  `it waits at ${failure.step}, and offers ${listed(offers)}`,
  ...Object.entries(withheld).map(([kind, why]) => `${kind} is withheld: ${why}`),
]

function messageDiff(expected: string | undefined, { message }: Played): readonly string[] | undefined {
  if (expected === undefined || isSaid(expected, message)) return undefined
  return [`expected ${expected}`, message === '' ? 'but nothing was said' : `but it says: ${message}`]
}

function includedDiff(items: readonly unknown[], { calls }: Played): readonly string[] | undefined {
  let from = 0
  for (const wanted of items.map(expectedCall)) {
    const found = calls.findIndex((call, index) => index >= from && isCall(wanted, call))
    if (found < 0)
      return [`${expectedText(wanted)} was not called${afterText(from, calls)}`, ...madeText(calls)]
    from = found + 1
  }
  return undefined
}

const afterText = (from: number, calls: Played['calls']): string => {
  const before = calls[from - 1]
  return before === undefined ? '' : ` after ${callText(before)}`
}

const madeText = (calls: Played['calls']): readonly string[] => [
  'called were:',
  ...calls.map((call) => `  ${callText(call)}`),
]

function neverDiff(items: readonly unknown[], { calls }: Played): readonly string[] | undefined {
  const wrong = items.map(expectedCall).flatMap((wanted) => calls.filter((call) => isCall(wanted, call)))
  return wrong.length === 0 ? undefined : wrong.map((call) => `${callText(call)} was called`)
}

function waitsDiff(items: readonly unknown[], waits: readonly Waiting[]): readonly string[] | undefined {
  const longest = Math.max(items.length, waits.length)
  const lines = Array.from({ length: longest }).flatMap((_, index) => {
    const [item, waiting] = [items[index], waits[index]]
    if (waiting === undefined) return [`- ${waitOf(item).at}: it did not wait there`]
    if (item === undefined) return [`+ ${waiting.failure.step}: ${saidIn(waiting)}`]
    return waitDiff(waitOf(item), waiting)
  })
  return lines.length === 0 ? undefined : lines
}

const waitOf = (item: unknown): ExpectedWait =>
  waitSchema.parse(typeof item === 'string' ? { at: item } : item)

const saidIn = ({ approval, failure }: Waiting): string => approval?.message ?? failure.message

function waitDiff(expected: ExpectedWait, waiting: Waiting): readonly string[] {
  const { at, failure, message, offers, withheld = {} } = expected
  const asked = waiting.approval?.message ?? ''
  if (!meansStep(at, waiting.failure.step))
    return [`- ${at}`, `+ ${waiting.failure.step}: ${saidIn(waiting)}`]
  const wrongOffers = offers !== undefined && !sameWords(offers, waiting.offers)
  return [
    ...(failure === undefined || isSaid(failure, waiting.failure.message)
      ? []
      : [`${at}: expected ${failure}, but it failed with: ${waiting.failure.message}`]),
    ...(message === undefined || isSaid(message, asked)
      ? []
      : [`${at}: expected ${message}, but ${asked === '' ? 'nothing is asked there' : `it asks: ${asked}`}`]),
    ...(wrongOffers ? [`${at}: expected ${listed(offers)} to be offered`, ...offersOf(waiting)] : []),
    ...Object.entries(withheld).flatMap(([kind, why]) => withheldDiff(at, kind, why, waiting)),
  ]
}

function withheldDiff(at: string, kind: string, why: string, { withheld }: Waiting): readonly string[] {
  const reason = Object.entries(withheld).find(([name]) => name === kind)?.[1]
  if (reason !== undefined && isSaid(why, reason)) return []
  return [
    `${at}: expected ${kind} to be withheld: ${why}`,
    `but ${reason === undefined ? 'it is not' : `the reason is: ${reason}`}`,
  ]
}

const sameWords = (one: readonly string[], other: readonly string[]): boolean =>
  one.toSorted().join() === other.toSorted().join()

function noticesDiff(expected: readonly string[], notices: Played['notices']): readonly string[] | undefined {
  const longest = Math.max(expected.length, notices.length)
  const lines = Array.from({ length: longest }).flatMap((_, index) => {
    const [wanted, notice] = [expected[index], notices[index]]
    if (wanted !== undefined && notice && isSaid(wanted, notice.text)) return []
    return [
      ...(wanted === undefined ? [] : [`- ${wanted}`]),
      ...(notice === undefined ? [] : [`+ ${notice.text}   at ${notice.step}`]),
    ]
  })
  return lines.length === 0 ? undefined : lines
}

function stepsDiff(
  expected: Readonly<Record<string, string>>,
  { steps }: Played,
): readonly string[] | undefined {
  const lines = Object.entries(expected).flatMap(([name, status]) => {
    const meant = steps.filter(({ step }) => meansStep(name, step))
    if (meant.length === 0) return [`${name}: the run did not come to it`]
    return meant
      .filter((view) => view.status !== status)
      .map(({ step, status: actual }) => `${step}: expected ${status}, but it is ${actual}`)
  })
  return lines.length === 0 ? undefined : lines
}

function outputsDiff(
  expected: Readonly<Record<string, unknown>>,
  { end, outputs }: Played,
): readonly string[] | undefined {
  if (Object.keys(expected).length > 0 && end !== 'done')
    return ['there are none, because the run is not done']
  const lines = Object.entries(expected)
    .filter(([name, value]) => !has(outputs[name], value))
    .map(([name, value]) => `${name}: expected ${flow(value)}, but it is ${flow(outputs[name])}`)
  return lines.length === 0 ? undefined : lines
}
