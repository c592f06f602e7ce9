import type { Json } from '../../dsl/program.ts'
import { disguises, leastLength } from './encodings.ts'
import { isSecretField, marker, redactArgv, redactShapes } from './shapes.ts'

/** What must not leave this process: values that are known, and what looks like a secret. */
export interface Secrets {
  /** From now on it is `‹redacted NAME›` wherever it is looked for. Below 6 characters it is not. */
  add(name: string, value: string): void
  /** A file that holds a private key or an identity: each line of it. */
  addLines(name: string, text: string): void
  /** `cut`: the text is a part of a longer one, so that a secret may be cut off at its ends. */
  text(text: string, cut?: boolean): string
  /** All texts in it. The names of fields only with `keys`: who reads them may count on them. */
  json<Value extends Json | object>(value: Value, keys?: 'keys'): Value
  argv(argv: readonly string[]): readonly string[]
  /** The text without the values that are known, whatever else looks like a secret. */
  known(text: string): string
  /** The names of those that stand in the text. */
  named(text: string): readonly string[]
}

export function createSecrets(): Secrets {
  const names = new Map<string, string>()
  let needles: readonly Needle[] = []
  const add = (name: string, value: string): void => {
    if (value.length < leastLength || names.has(value)) return
    names.set(value, name.includes(value) ? 'secret' : name)
    needles = [...names]
      .flatMap(([known, called]) => disguises(known).map((text) => ({ text, mark: marker(called) })))
      .toSorted((a, b) => b.text.length - a.text.length)
  }
  const known = (text: string): string => replaced(text, needles)
  const text = (given: string, cut = false): string => {
    const whole = redactShapes(known(given))
    return cut ? withoutStumps(whole, needles) : whole
  }
  return {
    add,
    addLines(name, content) {
      for (const line of secretLines(content)) add(name, line)
    },
    text,
    known,
    json: (value, keys) => redactJson(value, text, keys === 'keys'),
    argv: (argv) => redactArgv(argv.map(known)),
    named: (given) =>
      [...names].flatMap(([value, name]) =>
        disguises(value).some((needle) => given.includes(needle)) ? [name] : [],
      ),
  }
}

/** All that is secret in this process: what one call must not tell, no other may. */
export const secrets: Secrets = createSecrets()

/** The end of what a command said, for a message: redacted before it is cut, because half a secret is not found. */
export const lastWords = (text: string, length: number): string =>
  secrets.text(text.trim(), true).slice(-length)

interface Needle {
  readonly text: string
  readonly mark: string
}

/** Of PEM only private keys: the certificate in the same file is no secret. Without what frames and describes them. */
function secretLines(content: string): readonly string[] {
  const keys = content.match(/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?-----END/g)
  const lines = (keys?.join('\n') ?? content).split(/\r?\n/).map((line) => line.trim())
  return lines.filter((line) => line.length >= 16 && !/^(?:-----|#|Proc-Type:|DEK-Info:)/.test(line))
}

/** What was put in is not looked into again: a secret may be a word of a marker. */
function replaced(text: string, needles: readonly Needle[]): string {
  let parts: readonly Part[] = [text]
  for (const needle of needles) {
    if (!text.includes(needle.text)) continue
    parts = parts.flatMap((part) => (typeof part === 'string' ? split(part, needle) : [part]))
  }
  return parts.map((part) => (typeof part === 'string' ? part : part.mark)).join('')
}

type Part = string | { readonly mark: string }

const split = (text: string, { text: needle, mark }: Needle): readonly Part[] =>
  text.split(needle).flatMap((piece, at) => (at === 0 ? [piece] : [{ mark }, piece]))

/** Fewer characters of a secret than this say too little, and stand at the ends of too much else. */
const leastStump = 8

/** Without the end of a secret at the beginning, and the beginning of one at the end. */
function withoutStumps(text: string, needles: readonly Needle[]): string {
  let [from, to, before, after] = [0, text.length, '', '']
  for (const { text: needle, mark } of needles) {
    for (let length = needle.length - 1; length >= leastStump; length--) {
      if (length > from && text.startsWith(needle.slice(-length))) [from, before] = [length, mark]
      if (text.length - length < to && text.endsWith(needle.slice(0, length)))
        [to, after] = [text.length - length, mark]
    }
  }
  return from === 0 && to === text.length ? text : `${before}${text.slice(from, Math.max(from, to))}${after}`
}

function redactJson<Value extends Json | object>(
  value: Value,
  text: (given: string) => string,
  keys: boolean,
): Value {
  const walk = (part: unknown): unknown => {
    if (typeof part === 'string') return text(part)
    if (Array.isArray(part))
      return part.every((word) => typeof word === 'string') ? words(part) : part.map(walk)
    if (typeof part !== 'object' || part === null) return part
    return Object.fromEntries(
      Object.entries(part).map(([key, field]) => [
        keys ? text(key) : key,
        typeof field === 'string' && isSecretField(key, field) ? marker(key) : walk(field),
      ]),
    )
  }
  const words = (list: readonly string[]): readonly string[] => redactArgv(list.map(text))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- texts stay texts, and all else stays
  return walk(value) as Value
}
