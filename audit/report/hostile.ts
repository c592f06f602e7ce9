import type { Json } from '../../dsl/program.ts'
import { type AuditEvent, eventNames } from '../event.ts'
import { entriesOf } from './lines.ts'
import { replacedMember } from './sample.ts'

/** What a host, a person or whoever has changed the record may want a reader's browser or eyes to do. */
export const hostileTexts: readonly string[] = [
  '<script>globalThis.hacked=1</script>',
  '"><img src="http://evil.example/x.png" onerror="hacked=1">',
  "' onmouseover='hacked=1' x='",
  '</style><style>body{display:none}</style>',
  '</title></textarea></pre></code><iframe srcdoc="<script>parent.hacked=1</script>">',
  '<svg onload=hacked=1><animate onbegin=hacked=1>',
  '--><!-- <![CDATA[ ]]> <?xml ?>',
  '&lt;b&gt; &amp; &#60;i&#62; &colon; &NewLine;',
  'javascript:hacked=1',
  '[a](javascript:hacked=1) ![b](http://evil.example/y.png) <http://evil.example/z>',
  'https://evil.example/auto www.evil.example me@evil.example #12 @everyone',
  '```\n# not a heading\n```\n~~~\n> no quote\n- no list\n| no | table |\n|---|---|\n',
  '`` ` ``` ```` `',
  '\\`<b>\\\\`|\\|',
  '\n\n---\n\n<b>\n\n    indented\n\n[x]: http://evil.example "y"\n',
  '\u001B[31mred\u001B[0m \u001B]8;;http://evil.example\u0007link\u001B]8;;\u0007 \u001B]0;title\u0007 \u009B2J',
  'user\u202Etxt.exe \u2066a\u2069 \u200Fb\u200B \u00ADc \uFEFF \u{E0041}',
  'nul\u0000 bell\u0007 back\u0008 cr\rlf\n ff\u000C vt\u000B del\u007F ls\u2028 ps\u2029 nel\u0085',
  'lone\uD800 half\uDC00 \uFFFE \uFFFF \u{1FFFE} \uE000 \u3164',
  `long ${'x'.repeat(20_000)}`,
  '\u0301'.repeat(500),
  '{{7*7}} ${7*7} #{7*7} <%= 7*7 %>',
  '__proto__',
  '',
]

/** Marks each text, so that a test finds where it went. */
export const mark = 'M4RK'

/**
 * A run in which every text of every event is hostile: its `run.began`, commands, outputs, people and all, and any
 * name of an event that the run itself did not have. Times and what is counted stay as they are.
 */
export function hostileRun(): readonly AuditEvent[] {
  let next = 0
  const nasty = (): string => {
    next += 1
    return `${mark}${hostileTexts[next % hostileTexts.length] ?? ''}`
  }
  const turned = (value: Json, key: string): Json => {
    if (typeof value === 'string') return kept.has(key) ? value : nasty()
    if (Array.isArray(value)) return value.map((item: Json) => turned(item, key))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      entriesOf(value).map(([name, one]) => [ours.has(key) ? nasty() : name, turned(one, name)]),
    )
  }
  const steps = new Map<string, string>()
  const named = (word: string | undefined): string | undefined => {
    if (word === undefined) return undefined
    if (!steps.has(word)) steps.set(word, nasty())
    return steps.get(word)
  }
  const events = [...replacedMember(), ...theRest()]
  return events.map((event, at) => {
    const { data, step, summary, action, host, ...rest } = event
    const places = { step: named(step), summary: named(summary), action: named(action), host: named(host) }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of the same shape as before
    return {
      ...{ ...rest, seq: at + 1, id: `${nasty()}${at}`, workflow: named('workflow') },
      ...Object.fromEntries(Object.entries(places).filter(([, value]) => value !== undefined)),
      data: turned(asJson(data), ''),
    } as unknown as AuditEvent
  })
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it goes out as JSON
const asJson = (value: unknown): Json => JSON.parse(JSON.stringify(value)) as Json

/** By these the report knows what it has before it: no text that is shown. */
const kept = new Set(['kind', 'at', 'outcome', 'effect'])
/** Maps whose keys come from elsewhere, too. */
const ours = new Set(['inputs', 'outputs', 'policy', 'failed', 'with', 'request'])

/** Events of every name that a replaced member does not have. */
function theRest(): readonly AuditEvent[] {
  const [first] = replacedMember()
  const had = new Set(replacedMember().map(({ name }) => name))
  const data = {
    ...{ message: 'm', ms: 1, guard: 'g', call: 'c', refusal: 'r', by: 'b', comment: 'c', reason: 'r' },
    ...{ failure: 'f', held: 1, plan: 'p', fingerprint: {}, output: { a: 'b' }, asked: {} },
    ...{ kind: 'exec', argv: ['a', 'b'], error: 'e', signal: 'KILL', lost: 5 },
    stdout: { bytes: 10, sha256: 's', head: 'h', tail: 't', blob: 'b', lost: 3 },
    stderr: { bytes: 10, sha256: 's', head: 'h', tail: 't' },
    entry: { kind: 'expired', at: '2026-03-03T04:00:00.000Z', ask: 2, message: 'nobody' },
  }
  return eventNames
    .filter((name) => !had.has(name))
    .map((name, at) => {
      const place = { step: `s${at}`, action: 'a', host: 'h' }
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it has what any of them may have
      return { ...first, ...place, name, data } as unknown as AuditEvent
    })
}
