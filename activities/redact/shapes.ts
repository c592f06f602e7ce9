/** What is secret by its looks, whosever it is. */
interface Shape {
  readonly pattern: RegExp
  /** What is put in its place; the groups before and after the secret stay. */
  readonly put: string
}

export const marker = (name: string): string => `‹redacted ${name}›`

/** No reference, variable, blank or marker: those are no secrets. All runs are bounded: a text may be hostile. */
const literal = String.raw`(?!\\?["']?(?:env:|file:|[$%\x60‹<])|\\[nrt\\])`
const quoted = String.raw`"(?:[^"\\\n]|\\.)+"|'[^'\n]+'|\\"(?:(?!\\")[^\n])+\\"|[^\s"'\x60,;&|(){}\[\]\\]+`
const secretName = String.raw`(?:password|passwd|passphrase|secret[_-]?key|client[_-]?secret|api[_-]?key|access[_-]?token|private[_-]?key)`

const shapes: readonly Shape[] = [
  {
    pattern:
      /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|$)/g,
    put: marker('private key'),
  },
  // In base64, as Kubernetes keeps it: "-----BEGIN " and what follows.
  { pattern: /LS0tLS1CRUdJTi[A-Za-z0-9+/=]{40,}/g, put: marker('private key or certificate') },
  { pattern: /AGE-SECRET-KEY-1[0-9A-Z]+/gi, put: marker('age identity') },
  {
    pattern:
      /(authorization\\?["']?\s{0,3}[:=]\s{0,3}\\?["']?)(?!‹|\s)(?:(?:basic|bearer|token|digest|negotiate)\s{1,3})?[^\s"',;\\]+/gi,
    put: `$1${marker('authorization')}`,
  },
  {
    pattern: /([a-z][a-z0-9+.-]{0,20}:\/\/[^\s/@:"'`<>]{0,256}:)(?!‹|\$)[^\s/@"'`<>]{1,512}(@)/gi,
    put: `$1${marker('password')}$2`,
  },
  {
    pattern: new RegExp(String.raw`(${secretName}\\?["']?\s{0,3}[=:]\s{0,3})${literal}(?:${quoted})`, 'gi'),
    put: `$1${marker('password')}`,
  },
  {
    pattern: new RegExp(
      String.raw`((?<=^|[\s"'])--[a-z0-9-]{0,24}${secretName}\s{1,3})${literal}(?!-)(?:${quoted})`,
      'gi',
    ),
    put: `$1${marker('password')}`,
  },
  // HAProxy's.
  {
    pattern: /(\bstats\s{1,3}auth\s{1,3}[^\s:]{1,64}:)(?!‹|\$)\S+/g,
    put: `$1${marker('password')}`,
  },
  {
    pattern: /(--user(?:=|\s{1,3})["']?(?![$0-9])[^\s:"'$=]{1,256}:)(?!‹|\$|\d+(?!\S))[^\s"']+/g,
    put: `$1${marker('password')}`,
  },
]

/** Without what looks like a secret. What it is named by stays. */
export function redactShapes(text: string): string {
  if (!suspect.test(text)) return text
  return headless(shapes.reduce((so, { pattern, put }) => so.replace(pattern, put), text))
}

/** The end of a private key whose beginning was cut off: the lines before it that are base64. */
function headless(text: string): string {
  const pieces = text.split(/-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----/)
  const last = pieces.pop() ?? ''
  return [...pieces.map(withoutBase64Lines), last].join(marker('private key'))
}

function withoutBase64Lines(text: string): string {
  const lines = text.split(/(\n|\r|\\n|\\r)/)
  while (lines.length > 0 && /^(?:[A-Za-z0-9+/=]*|\\n|\\r)\s?$/.test(lines.at(-1) ?? '')) lines.pop()
  return lines.join('')
}

/** Most texts have none of these words, and need no closer look. */
const suspect =
  /PRIVATE KEY|LS0tLS1CRUdJTi|AGE-SECRET|authorization|:\/\/|passw|passphrase|secret|api[_-]?key|token|private[_-]?key|--user|stats\s+auth/i

/** An argument vector: also where the secret is an argument of its own. */
export function redactArgv(argv: readonly string[]): readonly string[] {
  return argv.map((word, at) => {
    const before = argv[at - 1] ?? ''
    if (/^--?[a-z-]*(?:password|passwd|passphrase|api-key|secret-key)$/i.test(before))
      return before === word || word.startsWith('-') ? word : marker('password')
    if (before === '--user' || (before === '-u' && argv[0]?.endsWith('curl') === true))
      return word.replace(/^([^:]*\D[^:]*:)(?!\d+$).+$/, `$1${marker('password')}`)
    return redactShapes(word)
  })
}

/** What a field is named whose text is a secret, unless it refers to one. */
export const isSecretField = (field: string, text: string): boolean =>
  /^(?:.*[a-z0-9_.-])?(?:password|passwd|passphrase|secretkey|apikey|clientsecret|privatekey)$/i.test(
    field,
  ) &&
  text !== '' &&
  !/^(?:env:|file:|‹)/.test(text)
