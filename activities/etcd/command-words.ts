/** Words of a command as they lie in a text, for formats that hold etcd's flags in a command line. */

export interface Word {
  readonly start: number
  readonly end: number
  /** Without quotes and escapes; what is put in for a variable is not known, and stays as written. */
  readonly text: string
}

/** The commands of a shell script, each as its words; redirections are left out. */
export function shellCommands(script: string): readonly (readonly Word[])[] {
  const commands: Word[][] = [[]]
  const heredocs: string[] = []
  let at = 0
  let target = false
  const end = () => {
    if (commands.at(-1)?.length !== 0) commands.push([])
    target = false
  }
  while (at < script.length) {
    const rest = script.slice(at, at + 3)
    if (rest.startsWith('\\\n')) at += 2
    else if (/^[ \t\r]/.test(rest)) at += 1
    else if (rest.startsWith('#')) at = lineEnd(script, at)
    else if (rest.startsWith('\n')) {
      end()
      at = afterHeredocs(script, at + 1, heredocs.splice(0))
    } else if (/^<<-?/.test(rest) && !rest.startsWith('<<<')) {
      const [head = '', delimiter = ''] =
        /^<<-?[ \t]*(\\?[\w.]+|'[^'\n]*'|"[^"\n]*")/.exec(script.slice(at, at + 200)) ?? []
      if (head !== '') heredocs.push(delimiter.replace(/^\\|['"]/g, ''))
      at += head.length || 2
    } else if (/^[<>]/.test(rest)) {
      at += /^(?:>>|>&|<&|<<<|>\||<>|>|<)/.exec(rest)?.[0].length ?? 1
      target = true
    } else if (/^[;&|()]/.test(rest)) {
      end()
      at += 1
    } else {
      const word = shellWord(script, at)
      const descriptor = /^\d+$/.test(word.text) && /^[<>]/.test(script.slice(word.end, word.end + 1))
      if (!target && !descriptor) commands.at(-1)?.push(word)
      target = false
      at = word.end
    }
  }
  return commands.filter((command) => command.length > 0)
}

function lineEnd(text: string, from: number): number {
  const at = text.indexOf('\n', from)
  return at < 0 ? text.length : at
}

function afterHeredocs(script: string, from: number, delimiters: readonly string[]): number {
  let at = from
  for (const delimiter of delimiters) {
    while (at < script.length) {
      const end = lineEnd(script, at)
      const line = script.slice(at, end).replace(/^\t+/, '')
      at = Math.min(end + 1, script.length)
      if (line === delimiter) break
    }
  }
  return at
}

function shellWord(script: string, start: number): Word {
  let at = start
  let text = ''
  while (at < script.length && !/[\s;&|()<>]/.test(script[at] ?? '')) {
    const piece = shellPiece(script, at)
    text += piece.text
    at = piece.end
  }
  // Whatever it is, it is passed over, so that the scan always moves on.
  return { start, end: Math.max(at, start + 1), text }
}

interface Piece {
  readonly text: string
  readonly end: number
}

function shellPiece(script: string, at: number): Piece {
  const character = script[at] ?? ''
  if (character === '\\') {
    const next = script[at + 1] ?? ''
    return { text: next === '\n' ? '' : next, end: at + 2 }
  }
  if (character === "'") {
    const close = script.indexOf("'", at + 1)
    const end = close < 0 ? script.length : close
    return { text: script.slice(at + 1, end), end: end + 1 }
  }
  if (character === '"') return doubleQuoted(script, at)
  if (character === '`' || /^\$[({]/.test(script.slice(at, at + 2))) {
    const end = substitutionEnd(script, at)
    return { text: script.slice(at, end), end }
  }
  return { text: character, end: at + 1 }
}

function doubleQuoted(script: string, start: number): Piece {
  let at = start + 1
  let text = ''
  while (at < script.length && script[at] !== '"') {
    const [, escaped] = /^\\(["\\$`\n])/.exec(script.slice(at, at + 2)) ?? []
    if (escaped !== undefined) {
      text += escaped === '\n' ? '' : escaped
      at += 2
    } else if (script[at] === '`' || /^\$[({]/.test(script.slice(at, at + 2))) {
      const end = substitutionEnd(script, at)
      text += script.slice(at, end)
      at = end
    } else {
      text += script[at]
      at += 1
    }
  }
  return { text, end: at + 1 }
}

/** Of `…`, $(…) and ${…}, quotes inside heeded. */
function substitutionEnd(script: string, start: number): number {
  if (script[start] === '`') {
    const close = script.indexOf('`', start + 1)
    return close < 0 ? script.length : close + 1
  }
  const [open, close] = script[start + 1] === '(' ? ['(', ')'] : ['{', '}']
  let depth = 0
  let at = start + 1
  while (at < script.length) {
    const character = script[at]
    if (character === "'" || character === '"' || character === '\\') {
      at = shellPiece(script, at).end
      continue
    }
    if (character === open) depth += 1
    if (character === close) depth -= 1
    at += 1
    if (depth === 0) return at
  }
  return script.length
}

/** For a shell: plain where that is safe, else in single quotes. */
export function shellQuoted(value: string): string {
  return /^[\w/:.,=@%+-]+$/.test(value) ? value : `'${value.replaceAll("'", String.raw`'\''`)}'`
}

/** The words of a value in a systemd unit. Source: systemd.service(5), "Command lines", and systemd.syntax(7). */
export function unitWords(text: string, from: number, to: number): readonly Word[] {
  const words: Word[] = []
  let at = from
  while (at < to) {
    const blank = /^(?:[ \t\r]|\\\n(?:[ \t]*[#;][^\n]*\n)*)/.exec(text.slice(at, to))?.[0]
    if (blank !== undefined) at += blank.length
    else {
      const word = unitWord(text, at, to)
      words.push(word)
      at = word.end
    }
  }
  return words
}

function unitWord(text: string, start: number, to: number): Word {
  let at = start
  let value = ''
  let quote = ''
  while (at < to) {
    const character = text[at] ?? ''
    if (quote === '' && (/[ \t\r]/.test(character) || text.startsWith('\\\n', at))) break
    if (character === '\\') {
      const escape = unitEscape(text.slice(at + 1, Math.min(at + 10, to)))
      value += escape.text
      at += 1 + escape.end
    } else if (quote === '' ? character === '"' || character === "'" : character === quote) {
      quote = quote === '' ? character : ''
      at += 1
    } else {
      const double = character === '%' && text[at + 1] === '%'
      value += character
      at += double ? 2 : 1
    }
  }
  return { start, end: Math.max(at, start + 1), text: value }
}

const escapes: Readonly<Record<string, string>> = {
  ...{ a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', s: ' ', '\n': ' ' },
}

function unitEscape(text: string): Piece {
  const [code, hex, short, long, octal] =
    /^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))/.exec(text) ?? []
  if (code !== undefined) {
    const point =
      octal === undefined ? Number.parseInt(hex ?? short ?? long ?? '0', 16) : Number.parseInt(octal, 8)
    return { text: point <= 0x10ffff ? String.fromCodePoint(point) : '', end: code.length }
  }
  const character = text[0] ?? ''
  return { text: escapes[character] ?? character, end: 1 }
}

/** For a unit: plain where that is safe, else in double quotes. */
export function unitQuoted(value: string): string {
  if (/^[\w/:.,=@+-]+$/.test(value)) return value
  const escaped = value
    .replace(/["\\]/g, String.raw`\$&`)
    .replaceAll('%', '%%')
    .replace(/\p{Cc}/gu, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return `"${escaped}"`
}
