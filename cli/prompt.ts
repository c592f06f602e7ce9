import { boundTo } from '../client/decide.ts'
import type { RunSnapshot } from '../client/run.ts'
import type { UpdateArgument, UpdateName } from '../workflows/doors.ts'

/** What a person does at the keys while a run is shown. Pure: the keys go in, what is to be done comes out. */
export type Prompt =
  | { readonly kind: 'idle'; readonly said?: Said }
  /** Says something with a decision, or nothing. */
  | { readonly kind: 'typing'; readonly choice: Choice; readonly text: string }
  /** The last word before what cannot be taken back. */
  | { readonly kind: 'confirming'; readonly choice: Choice; readonly text: string }
  | { readonly kind: 'sending'; readonly choice: Choice }

export interface Said {
  readonly text: string
  readonly bad: boolean
}

/** A decision and what it is bound to: what the person had before their eyes when they began. */
export interface Choice {
  readonly decision: UpdateName
  readonly bound: Pick<UpdateArgument, 'step' | 'ask' | 'hash'>
  /** What is decided on, for the question. */
  readonly about: string
  /** What confirming it means, where it has to be. */
  readonly consequence?: string
  /** What has to be typed with it, in place of a word for the record. */
  readonly types?: string
}

export type Effect =
  { readonly kind: 'decide'; readonly choice: Choice; readonly comment: string } | { readonly kind: 'leave' }

export interface Turn {
  readonly prompt: Prompt
  readonly effect?: Effect
}

/** One key, as `keysIn` names it: a printable character, or one of these. */
export type Key = string

export const idle: Prompt = { kind: 'idle' }

/** Which key stands for what; what shares a key is never offered together. */
const letters: Readonly<Record<string, readonly UpdateName[]>> = {
  r: ['retry'],
  s: ['skip'],
  b: ['rollback'],
  a: ['abort'],
  y: ['approve'],
  c: ['confirm'],
  n: ['reject'],
  p: ['pause', 'resume'],
}

export const decisionWords: Readonly<Record<UpdateName, string>> = {
  retry: 'retry',
  skip: 'skip',
  rollback: 'roll back',
  abort: 'abort',
  approve: 'approve (yes)',
  confirm: 'confirm (done)',
  reject: 'reject (no)',
  pause: 'pause',
  resume: 'resume',
}

/** What may be pressed now, with its letter, in the order of the letters. */
export function offeredKeys({ open, status }: RunSnapshot): readonly (readonly [string, UpdateName])[] {
  const offers = open ? (status?.decisions?.offers ?? []) : []
  return Object.entries(letters).flatMap(([letter, names]) =>
    names.filter((name) => offers.includes(name)).map((name) => [letter, name] as const),
  )
}

/** What a key does. */
export function press(prompt: Prompt, key: Key, run: RunSnapshot): Turn {
  if (key === 'ctrl-c') return { prompt: idle, effect: { kind: 'leave' } }
  switch (prompt.kind) {
    case 'idle':
      return chosen(key, run)
    case 'typing':
      return typed(prompt, key)
    case 'confirming':
      return confirmed(prompt, key)
    case 'sending':
      return { prompt }
  }
}

/** What somebody else decided meanwhile is not decided again. */
export function withRun(prompt: Prompt, run: RunSnapshot): Prompt {
  if (prompt.kind !== 'typing' && prompt.kind !== 'confirming') return prompt
  const { decision, bound } = prompt.choice
  const same = boundNow(decision, run)
  const offered = run.open && (run.status === undefined || offers(run, decision))
  const stands = run.status === undefined || (same.step === bound.step && same.ask === bound.ask)
  if (offered && stands) return prompt
  return {
    kind: 'idle',
    said: { text: 'That was decided meanwhile, or is not offered any more.', bad: true },
  }
}

/** Keys from what a terminal sends at once: pasted text is many of them, an arrow is none. */
export function keysIn(chunk: string): readonly Key[] {
  const keys: Key[] = []
  let rest = chunk
  while (rest !== '') {
    // oxlint-disable-next-line no-control-regex -- that is how terminals send arrows
    const sequence = /^\u001b(?:\[[0-9;?]*[ -/]*[@-~]|O.)/.exec(rest)
    if (sequence) {
      rest = rest.slice(sequence[0].length)
      continue
    }
    const [first = ''] = rest
    rest = rest.slice(first.length)
    const known = named[first]
    if (known !== undefined) keys.push(known)
    else if (!/\p{C}/u.test(first)) keys.push(first)
  }
  return keys
}

const named: Readonly<Record<string, Key>> = {
  '\u0003': 'ctrl-c',
  '\u0015': 'ctrl-u',
  '\u001b': 'escape',
  '\r': 'enter',
  '\n': 'enter',
  '\u007f': 'backspace',
  '\b': 'backspace',
}

function chosen(key: Key, run: RunSnapshot): Turn {
  const letter = key.toLowerCase()
  if (letter === 'q') return { prompt: idle, effect: { kind: 'leave' } }
  const names = letters[letter] ?? []
  const decision = names.find((name) => offers(run, name))
  if (decision !== undefined) return begun(decision, run)
  const [first] = names
  return { prompt: first === undefined ? idle : { kind: 'idle', said: notOffered(first, run) } }
}

const offers = ({ status }: RunSnapshot, name: UpdateName): boolean =>
  status?.decisions?.offers.includes(name) === true

function notOffered(name: UpdateName, { status }: RunSnapshot): Said {
  const why = status?.decisions?.withheld[name]
  const text =
    status === undefined
      ? 'No worker answers for this run: nothing can be decided now.'
      : `Not ${decisionWords[name]}: ${why ?? 'it is not offered now'}.`
  return { text, bad: true }
}

/** A run that was paused goes on at once; all else may be given a word for the record. */
function begun(decision: UpdateName, run: RunSnapshot): Turn {
  const choice = choiceOf(decision, run)
  if (decision === 'resume') return sent(choice, '')
  return { prompt: { kind: 'typing', choice, text: '' } }
}

function choiceOf(decision: UpdateName, run: RunSnapshot): Choice {
  const { waiting } = run.status?.view ?? {}
  const types = decision === 'confirm' ? waiting?.approval?.typed : undefined
  const about = ofRun(decision) ? '' : `“${waiting?.failure.summary ?? ''}”`
  const consequence = consequenceOf(decision, waiting?.takesBack ?? [])
  return {
    ...{ decision, bound: boundNow(decision, run), about },
    ...(consequence === undefined ? {} : { consequence }),
    ...(types === undefined ? {} : { types }),
  }
}

function consequenceOf(decision: UpdateName, takesBack: readonly string[]): string | undefined {
  switch (decision) {
    case 'rollback':
      return takesBack.length === 0
        ? 'The run ends; there is nothing to take back.'
        : `It takes back, in this order: ${takesBack.join('; ')}. Then the run ends.`
    case 'abort':
      return 'The run ends here, and everything stays as it is now.'
    case 'approve':
      return 'The run goes on with it.'
    case 'confirm':
    case 'retry':
    case 'skip':
    case 'reject':
    case 'pause':
    case 'resume':
      return undefined
  }
}

function boundNow(decision: UpdateName, { status }: RunSnapshot): Choice['bound'] {
  return ofRun(decision) ? {} : boundTo(status)
}

const ofRun = (decision: UpdateName): boolean => decision === 'pause' || decision === 'resume'

function typed(prompt: Extract<Prompt, { kind: 'typing' }>, key: Key): Turn {
  const { choice, text } = prompt
  switch (key) {
    case 'escape':
      return { prompt: idle }
    case 'enter':
      if (choice.consequence === undefined) return sent(choice, text.trim())
      return { prompt: { kind: 'confirming', choice, text: text.trim() } }
    case 'backspace':
      return { prompt: { ...prompt, text: Array.from(text).slice(0, -1).join('') } }
    case 'ctrl-u':
      return { prompt: { ...prompt, text: '' } }
    default:
      return { prompt: text.length < longestComment ? { ...prompt, text: text + key } : prompt }
  }
}

function confirmed(prompt: Extract<Prompt, { kind: 'confirming' }>, key: Key): Turn {
  if (key.toLowerCase() === 'y') return sent(prompt.choice, prompt.text)
  if (key.toLowerCase() === 'n' || key === 'escape' || key === 'enter')
    return { prompt: { kind: 'idle', said: { text: 'Nothing was decided.', bad: false } } }
  return { prompt }
}

const sent = (choice: Choice, comment: string): Turn => ({
  prompt: { kind: 'sending', choice },
  effect: { kind: 'decide', choice, comment },
})

/** The run takes no longer ones. */
const longestComment = 1000
