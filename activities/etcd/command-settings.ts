import { ActionError } from '../failure.ts'
import { shellCommands, shellQuoted, unitQuoted, unitWords, type Word } from './command-words.ts'
import { type Edit, flagOf, type Setting, type SettingsText, type Slot } from './settings-text.ts'

/**
 * etcd's flags where they stand on a command line: in the `ExecStart` of a systemd unit, or in a start script.
 * Variables of etcd that the same text sets are read and written too, because etcd refuses to start when a
 * flag and a variable both set one thing.
 */

/** Throws `ActionError` when no line of the unit starts etcd. */
export function unitSettings(unit: string): SettingsText {
  const lines = directives(unit)
  const commands = lines.filter(({ key }) => key === 'ExecStart').map(({ words }) => words)
  const start = etcdCommand(commands)
  if (!start)
    throw new ActionError('No ExecStart of the unit starts etcd itself, so it has no place for its flags.')
  const variables = lines.filter(({ key }) => key === 'Environment')
  return commandText(unit, start, systemd, variables)
}

/** Throws `ActionError` when no command of the script starts etcd. */
export function scriptSettings(script: string): SettingsText {
  const commands = shellCommands(script)
  const start = etcdCommand(commands)
  if (!start)
    throw new ActionError('No command of the script starts etcd itself, so it has no place for its flags.')
  const variables = commands.flatMap((words) => assignments(script, words))
  return commandText(script, start, shell, variables)
}

interface Quoting {
  readonly quoted: (value: string) => string
  /** A `$` of a command line stands for a variable unless it is doubled. */
  readonly read: (text: string) => string
}

const shell: Quoting = { quoted: shellQuoted, read: (text) => text }
const systemd: Quoting = {
  quoted: (value) => unitQuoted(value).replaceAll('$', '$$$$'),
  read: (text) => text.replaceAll('$$', '$'),
}

/** Words that set variables, and the whole lines they stand on. */
interface Assignments {
  readonly words: readonly Word[]
  readonly start: number
  readonly end: number
}

interface Directive extends Assignments {
  readonly key: string
}

/** The settings of a unit's [Service]; a backslash at the end of a line joins the next to it. */
function directives(unit: string): readonly Directive[] {
  const lines = unit.matchAll(
    /^[ \t]*(?:[#;][^\n]*|\[([^\]\n]*)\][^\n]*|([\w-]+)[ \t]*=((?:[^\\\n]|\\\n(?:[ \t]*[#;][^\n]*\n)*|\\[\s\S])*))\n?/gm,
  )
  let section = ''
  const found: Directive[] = []
  for (const { 0: line, 1: head, 2: key, 3: value, index: start } of lines) {
    if (head !== undefined) section = head
    if (key === undefined || value === undefined || section !== 'Service') continue
    const end = start + line.length
    const from = start + line.indexOf('=') + 1
    found.push({ key, words: unitWords(unit, from, from + value.length), start, end })
  }
  return found
}

function assignments(script: string, words: readonly Word[]): readonly Assignments[] {
  const first = words[0]
  const last = words.at(-1)
  if (!first || !last || !words.some(({ text }) => isAssignment(text))) return []
  const leading = first.text === 'export' ? 1 : 0
  const others = words.findIndex(({ text }, index) => index >= leading && !/^[A-Za-z_]\w*=/.test(text))
  const set = words.slice(leading, others < 0 ? undefined : others).filter(({ text }) => isAssignment(text))
  // The whole line goes with its last assignment only when nothing else stands on it.
  const start = script.lastIndexOf('\n', first.start - 1) + 1
  const newline = script.indexOf('\n', last.end)
  const end = newline < 0 ? script.length : newline + 1
  const alone = others < 0 && set.length === words.length - leading
  const bare = script.slice(start, first.start).trim() === '' && script.slice(last.end, end).trim() === ''
  return [{ words: set, ...(alone && bare ? { start, end } : { start: first.start, end: first.start }) }]
}

function isAssignment(text: string): boolean {
  return /^ETCD_[A-Z0-9_]+=/.test(text)
}

interface Command {
  readonly words: readonly Word[]
  /** Which word is etcd. */
  readonly at: number
}

/**
 * Of several commands the one with the most flags; one that asks for the version starts nothing. A word after
 * a flag is that flag's value, as in `--data-dir /var/lib/etcd`.
 */
function etcdCommand(commands: readonly (readonly Word[])[]): Command | undefined {
  const asks = ({ text }: Word) => /^--?(version|help)$/.test(text)
  const starting = commands.filter((words) => !words.some(asks))
  const found = starting.flatMap((words) =>
    words.flatMap(({ text }, at) => {
      if (!/(?:^|\/)etcd$/.test(text.replace(/^[@:+!|-]+/, ''))) return []
      const [before, next] = [words[at - 1], words[at + 1]]
      if (before && isFlag(before.text) && !before.text.includes('=')) return []
      const bare = !next || next.text.startsWith('$')
      const led = words.slice(0, at).every((word) => leads(word.text))
      const runs = bare ? led || (words[0]?.text === 'exec' && text.includes('/')) : isFlag(next.text)
      const flags = words.slice(at + 1).filter((word) => isFlag(word.text)).length
      return runs ? [{ words, at, flags }] : []
    }),
  )
  return found.toSorted((a, b) => b.flags - a.flags)[0]
}

function isFlag(text: string): boolean {
  return /^--?[a-z][a-z0-9]/.test(text)
}

/** What may stand before a command that is given no flags. */
function leads(text: string): boolean {
  return /^(exec|nohup|setsid|time|command|env|do|then|else|\{|!|[A-Za-z_]\w*=.*)$/s.test(text)
}

function commandText(
  text: string,
  { words, at }: Command,
  quoting: Quoting,
  variables: readonly Assignments[],
): SettingsText {
  const flags = flagSlots(words, at, quoting)
  return {
    slots: [
      ...variables.flatMap((line) => variableSlots(line, quoting === systemd ? unitQuoted : shellQuoted)),
      ...flags,
    ],
    add: (missing) => [appended(text, words, at, missing, quoting)],
  }
}

/** A flag's value is what follows `=`, or else the next word when it takes one and that is no flag. */
function flagSlots(words: readonly Word[], at: number, { quoted, read }: Quoting): readonly Slot[] {
  const slots: Slot[] = []
  for (let index = at + 1; index < words.length; index++) {
    const word = words[index]
    const before = words[index - 1]
    const [, dashes, flag, value] = /^(--?)([a-z][a-z0-9-]*)(?:=([\s\S]*))?$/.exec(word?.text ?? '') ?? []
    if (!word || !before || dashes === undefined || flag === undefined) continue
    const next = words[index + 1]
    const own = value === undefined && next && !isFlag(next.text) && !isBoolean(flag) ? next : undefined
    const write = (to: string): Edit =>
      own && !isFlag(to)
        ? { start: own.start, end: own.end, text: quoted(to) }
        : { start: word.start, end: (own ?? word).end, text: `${dashes}${flag}=${quoted(to)}` }
    const now = own ? read(own.text) : value === undefined ? 'true' : read(value)
    slots.push({ flag, value: now, write, drop: { start: before.end, end: (own ?? word).end, text: '' } })
    if (own) index += 1
  }
  return slots
}

const booleans: ReadonlySet<string> = new Set([
  ...['client-cert-auth', 'peer-client-cert-auth', 'auto-tls', 'peer-auto-tls', 'pre-vote'],
  ...['strict-reconfig-check', 'enable-pprof', 'enable-v2', 'force-new-cluster', 'unsafe-no-fsync'],
  ...['initial-election-tick-advance', 'enable-grpc-gateway', 'enable-log-rotation', 'memory-mlock'],
  ...['socket-reuse-port', 'socket-reuse-address', 'peer-skip-client-san-verification'],
])

/** Takes no word after it. */
function isBoolean(flag: string): boolean {
  return booleans.has(flag) || /^experimental-(enable|initial-corrupt|memory|txn|stop|peer-skip)/.test(flag)
}

function variableSlots(
  { words, start, end }: Assignments,
  quoted: (value: string) => string,
): readonly Slot[] {
  return words.flatMap((word) => {
    const [, name = '', value = ''] = /^(\w+)=([\s\S]*)$/.exec(word.text) ?? []
    const flag = flagOf(name)
    if (flag === undefined) return []
    const write = (to: string): Edit => ({ start: word.start, end: word.end, text: `${name}=${quoted(to)}` })
    const alone = words.length === 1 && end > start
    const drop = alone ? { start, end, text: '' } : { start: word.start, end: word.end, text: '' }
    return [{ flag, value, write, drop }]
  })
}

/** After the last word, on a line of its own where the words before stand so. */
function appended(
  text: string,
  words: readonly Word[],
  at: number,
  missing: readonly Setting[],
  { quoted }: Quoting,
): Edit {
  const last = words.at(-1)
  const before = words[words.length - 2]
  if (!last)
    throw new Error('A command without words was found. This is a mistake in Quorate: please report it.')
  const gap = before && words.length - 2 >= at ? text.slice(before.end, last.start) : ' '
  const lines = words
    .slice(at)
    .map((word, index, all) => text.slice(word.end, all[index + 1]?.start ?? word.end))
  const own = lines.findLast((between) => between.includes('\n')) ?? gap
  const flags = missing.map(([flag, value]) => `${own}--${flag}=${quoted(value)}`).join('')
  return { start: last.end, end: last.end, text: flags }
}
