import type { RunEvidence } from '../workflows/doors.ts'
import type { Decided, EvidenceEntry } from '../workflows/evidence-entry.ts'
import { plainLine, styled, wrapped } from './terminal.ts'

export interface DecisionLinesOptions {
  readonly columns: number
  readonly colour: boolean
}

/** Who decided what and when, refused decisions with why, as lines for `quorate show`; none when nobody did. */
export function decisionLines(
  { entries, leftOut }: RunEvidence,
  { columns, colour }: DecisionLinesOptions,
): readonly string[] {
  const told = entries.flatMap((entry) => textOf(entry, entries))
  if (told.length === 0) return []
  return [
    '',
    styled('Decisions', 'bold', colour),
    ...(leftOut > 0 ? [`  … ${leftOut} earlier entries stand in the evidence`] : []),
    ...told.flatMap(({ at, text, refused }) => {
      const [first = '', ...rest] = wrapped(text, columns - INDENT)
      const lines = [
        `  ${at.slice(0, 19).replace('T', ' ')}Z  ${first}`,
        ...rest.map((line) => ' '.repeat(INDENT) + line),
      ]
      return refused ? lines.map((line) => styled(line, 'dim', colour)) : lines
    }),
  ]
}

/** As wide as a time and its margins. */
const INDENT = 24

interface Told {
  readonly at: string
  readonly text: string
  readonly refused: boolean
}

function textOf(entry: EvidenceEntry, all: readonly EvidenceEntry[]): readonly Told[] {
  switch (entry.kind) {
    case 'asked':
      return []
    case 'expired':
      return [{ at: entry.at, text: plainLine(`expired: ${entry.message}`), refused: false }]
    case 'cancel':
      return [{ at: entry.at, text: 'asked to cancel', refused: false }]
    case 'decision':
      return [{ at: entry.at, text: decidedText(entry, all), refused: entry.outcome === 'refused' }]
  }
}

function decidedText(entry: Decided, all: readonly EvidenceEntry[]): string {
  const { by, identity, door, decision, ask, comment, outcome, why } = entry
  const asked = all.find((other) => other.kind === 'asked' && other.ask === ask)
  const what = asked?.kind === 'asked' ? ` "${asked.summary}"` : ''
  // Who a client says it is, where that is another than the one it speaks for.
  const via = identity === undefined || identity === by ? door : `${door}, sent by ${identity}`
  const said = comment === '' ? '' : `: ${comment}`
  const text = `${decision}${what} by ${by} (${via})${said}`
  return plainLine(outcome === 'accepted' ? text : `refused: ${text}. ${why ?? ''}`)
}
