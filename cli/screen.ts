import type { Terminal } from './terminal.ts'

/** Lines that are drawn again and again in the same place. */
export interface Screen {
  draw(lines: readonly string[]): void
  /** Leaves the last lines where they are and gives the cursor back. Safe to repeat. */
  end(): void
}

export function openScreen(terminal: Pick<Terminal, 'write'>): Screen {
  let shown = 0
  let last = ''
  terminal.write(HIDE_CURSOR)
  return {
    draw(lines) {
      const text = lines.map((line) => `${line}${CLEAR_LINE_END}\n`).join('')
      if (text === last) return
      last = text
      terminal.write(`${shown === 0 ? '' : `\u001b[${shown}A`}\r${text}${CLEAR_BELOW}`)
      shown = lines.length
    },
    end() {
      terminal.write(SHOW_CURSOR)
      shown = 0
      last = ''
    },
  }
}

const HIDE_CURSOR = '\u001b[?25l'
const SHOW_CURSOR = '\u001b[?25h'
const CLEAR_LINE_END = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'
