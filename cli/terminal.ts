/** Where a command writes, and what that place can show. */
export interface Terminal {
  /** The command's result. Ends with a line feed. */
  out(text: string): void
  /** What is said about the work: progress, errors. */
  err(text: string): void
  /** To stdout as it is, for drawing. */
  write(text: string): void
  /** Whether stdout is a terminal that can be drawn on. */
  readonly live: boolean
  readonly colour: boolean
  size(): { readonly columns: number; readonly rows: number }
  /** Single keys, where somebody sits at some. */
  readonly keys?: Keys
}

export interface Keys {
  /** Hears every key as the terminal sends it, Ctrl-C too, until the function it returns is called. */
  listen(hear: (chunk: string) => void): () => void
}

export function processTerminal(environment: NodeJS.ProcessEnv = process.env): Terminal {
  const { stdout, stderr } = process
  const live = stdout.isTTY && environment['TERM'] !== 'dumb'
  return {
    out: (text) => void stdout.write(`${text}\n`),
    err: (text) => void stderr.write(`${text}\n`),
    write: (text) => void stdout.write(text),
    live,
    colour: coloured(environment, live),
    size: () => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 }),
    ...(live && process.stdin.isTTY ? { keys: keysOf(process.stdin) } : {}),
  }
}

function keysOf(stdin: NodeJS.ReadStream): Keys {
  return {
    listen(hear) {
      stdin.setRawMode(true).setEncoding('utf8').resume().on('data', hear)
      return () => void stdin.off('data', hear).pause().setRawMode(false)
    },
  }
}

/** https://no-color.org: set and not empty means none; FORCE_COLOR the opposite. */
function coloured({ NO_COLOR: none, FORCE_COLOR: force }: NodeJS.ProcessEnv, live: boolean): boolean {
  if (none !== undefined && none !== '') return false
  if (force !== undefined && force !== '' && force !== '0') return true
  return live
}

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

const codes: Readonly<Record<Style, readonly [on: number, off: number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
}

export function styled(text: string, style: Style, colour: boolean): string {
  const [on, off] = codes[style]
  return colour ? `\u001b[${on}m${text}\u001b[${off}m` : text
}

/** One line without anything that could move the cursor: texts come from hosts and runbooks. */
export function plainLine(text: string): string {
  return text.replace(/[\s\p{C}]+/gu, ' ').trim()
}

/** Cut to so many columns, with an ellipsis when something was left out. */
export function fitted(text: string, columns: number): string {
  if (columns <= 0) return ''
  return text.length <= columns ? text : `${text.slice(0, columns - 1)}…`
}

/** The same for a line with styles, which count for nothing and are all kept, so that none is left on. */
export function fittedStyled(line: string, columns: number): string {
  // oxlint-disable-next-line no-control-regex -- the styles are what is kept
  const parts = line.split(/(\u001b\[[0-9;]*m)/)
  const length = parts.reduce((sum, part, at) => sum + (at % 2 === 0 ? part.length : 0), 0)
  if (length <= columns) return line
  let left = columns
  return parts
    .map((part, at) => {
      if (at % 2 === 1 || left === 0) return at % 2 === 1 ? part : ''
      const shown = part.length < left ? part : fitted(`${part} `, left)
      left -= shown.length
      return shown
    })
    .join('')
}

/** Broken at spaces into lines of at most so many columns; a longer word is broken anywhere. */
export function wrapped(text: string, columns: number): readonly string[] {
  const width = Math.max(columns, 10)
  const lines: string[] = []
  for (const word of plainLine(text).split(' ')) {
    const line = lines.at(-1)
    if (line !== undefined && line.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${line} ${word}`
    else
      for (let from = 0; from < Math.max(word.length, 1); from += width)
        lines.push(word.slice(from, from + width))
  }
  return lines
}

/** `0.8 s`, `12.3 s`, `2 min 05 s`, `3 h 12 min`. */
export function elapsed(ms: number): string {
  const clamped = Math.max(0, ms)
  if (clamped < 59_950) return `${(clamped / 1000).toFixed(1)} s`
  const wholeSeconds = Math.round(clamped / 1000)
  const minutes = Math.floor(wholeSeconds / 60)
  if (minutes < 60) return `${minutes} min ${String(wholeSeconds % 60).padStart(2, '0')} s`
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`
}
