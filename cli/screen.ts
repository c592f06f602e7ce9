import type { Terminal } from './terminal.ts'

/** Lines that are drawn again and again in the same place. */
export interface Screen {
  /** `columns` is how wide the terminal is now; lines that were drawn when it was wider may have been broken. */
  draw(lines: readonly string[], columns?: number): void
  /** Leaves the last lines where they are and gives the cursor back. Safe to repeat. */
  end(): void
}

export function openScreen(terminal: Pick<Terminal, 'write'>): Screen {
  let shown: readonly string[] = []
  let last = ''
  let open = true
  terminal.write(HIDE_CURSOR)
  return {
    draw(lines, columns = Infinity) {
      const text = lines.map((line) => `${line}${CLEAR_LINE_END}\n`).join('')
      if (text === last) return
      last = text
      const above = rowsOf(shown, columns)
      terminal.write(`${above === 0 ? '' : `\u001b[${above}A`}\r${text}${CLEAR_BELOW}`)
      shown = lines
    },
    end() {
      if (open) terminal.write(SHOW_CURSOR)
      open = false
      shown = []
      last = ''
    },
  }
}

const rowsOf = (lines: readonly string[], columns: number): number =>
  lines.reduce((rows, line) => rows + Math.max(1, Math.ceil(plain(line).length / Math.max(1, columns))), 0)

// oxlint-disable-next-line no-control-regex -- the colours are what is taken out
const plain = (line: string): string => line.replace(/\u001b\[[0-9;]*m/g, '')

const HIDE_CURSOR = '\u001b[?25l'
const SHOW_CURSOR = '\u001b[?25h'
const CLEAR_LINE_END = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'
