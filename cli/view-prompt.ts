import type { RunSnapshot } from '../client/run.ts'
import { decisionWords, offeredKeys, type Prompt } from './prompt.ts'
import { fitted, styled, wrapped } from './terminal.ts'

interface Options {
  readonly columns: number
  readonly colour: boolean
}

/** The lines below a run that say which keys work, or ask what goes with the one that was pressed. */
export function promptLines(prompt: Prompt, run: RunSnapshot, options: Options): readonly string[] {
  const { columns, colour } = options
  const lines = (text: string) => wrapped(text, columns)
  switch (prompt.kind) {
    case 'idle':
      return ['', ...saidLines(prompt, options), ...keyLines(run, options)]
    case 'typing': {
      const { decision, about, types } = prompt.choice
      const what =
        types === undefined
          ? 'why? (Enter sends it, also without a word; Esc: back)'
          : `type "${types}" (Enter sends it; Esc: back)`
      const ask = `${capital(decisionWords[decision])}${about && ` ${about}`}: ${what}`
      return [
        '',
        ...lines(ask).map((line) => styled(line, 'bold', colour)),
        `> ${tailOf(prompt.text, columns - 4)}▏`,
      ]
    }
    case 'confirming': {
      const { decision, about, consequence = '' } = prompt.choice
      const ask = `${capital(decisionWords[decision])}${about && ` ${about}`}? ${consequence}`
      return [
        '',
        ...lines(ask).map((line) => styled(line, 'bold', colour)),
        styled('y yes · n no', 'yellow', colour),
      ]
    }
    case 'sending':
      return [
        '',
        styled(fitted(`Sending: ${decisionWords[prompt.choice.decision]} …`, columns), 'dim', colour),
      ]
  }
}

function saidLines({ said }: Extract<Prompt, { kind: 'idle' }>, { columns, colour }: Options) {
  if (said === undefined) return []
  return wrapped(said.text, columns).map((line) => styled(line, said.bad ? 'yellow' : 'green', colour))
}

function keyLines(run: RunSnapshot, { columns, colour }: Options): readonly string[] {
  const keys = [
    ...offeredKeys(run).map(([letter, name]) => `${letter} ${decisionWords[name]}`),
    'q leave, the run goes on',
  ]
  return wrapped(keys.join(' · '), columns).map((line) => styled(line, 'dim', colour))
}

/** What is typed now is what is seen. */
const tailOf = (text: string, columns: number): string =>
  text.length <= columns ? text : `…${text.slice(text.length - columns + 1)}`

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
