import {
  changed,
  type Edit,
  flagOf,
  type Setting,
  type SettingsText,
  type Slot,
  variableOf,
} from './settings-text.ts'

/** An environment file of etcd: `NAME=value` a line, as a shell and systemd's EnvironmentFile both read it. */

/** Sets variables in the text of an environment file, or takes them out. All else stays. */
export function setVariables(text: string, values: Readonly<Record<string, string | null>>): string {
  return changed(text, variablesText(text), values)
}

/** The variables of an environment file; of a name given twice the last counts. */
export function readVariables(text: string): ReadonlyMap<string, string> {
  return new Map(variableSlots(text).map(({ flag, value }) => [flag, value]))
}

/** An environment file by the flags that its variables stand for. */
export function environmentSettings(text: string): SettingsText {
  const slots = variableSlots(text).flatMap((slot) => {
    const flag = flagOf(slot.flag)
    return flag === undefined ? [] : [{ ...slot, flag }]
  })
  return {
    slots,
    add: (missing) =>
      appended(
        text,
        missing.map(([flag, value]) => [variableOf(flag), value]),
      ),
  }
}

function variablesText(text: string): SettingsText {
  return { slots: variableSlots(text), add: (missing) => appended(text, missing) }
}

function appended(text: string, missing: readonly Setting[]): readonly Edit[] {
  const lines = missing.map(([name, value]) => `${name}=${quoted(value)}\n`).join('')
  const start = text.length
  return [{ start, end: start, text: `${text === '' || text.endsWith('\n') ? '' : '\n'}${lines}` }]
}

/** A slot a variable, called by the variable's name. */
function variableSlots(text: string): readonly Slot[] {
  return logicalLines(text).flatMap(({ start, content }) => {
    const [, head, name, value] = /^(\s*(?:export\s+)?)([A-Za-z_]\w*)=([\s\S]*)$/.exec(content) ?? []
    if (head === undefined || name === undefined || value === undefined) return []
    const end = start + content.length
    const write = (next: string) => ({ start, end, text: `${head}${name}=${quoted(next)}` })
    const withNewline = Math.min(end + 1, text.length)
    return [{ flag: name, value: unquoted(value), write, drop: { start, end: withNewline, text: '' } }]
  })
}

interface Line {
  readonly start: number
  /** Without the line feed that ends it. A backslash at the end joins the next line to it, but for a comment. */
  readonly content: string
}

function logicalLines(text: string): readonly Line[] {
  const lines = text.matchAll(/[ \t]*#[^\n]*|(?:[^\\\n]|\\[\s\S]|\\$)+/g)
  return [...lines].map(({ 0: content, index: start }) => ({ start, content }))
}

/** Plain where that is safe, else in double quotes, which a shell and systemd read alike. */
function quoted(value: string): string {
  return /^[\w/:.,=@%+-]*$/.test(value) ? value : `"${value.replace(/["\\$`]/g, String.raw`\$&`)}"`
}

function unquoted(text: string): string {
  const value = text.trim()
  if (/^'[^']*'$/.test(value)) return value.slice(1, -1)
  if (/^"(?:[^"\\]|\\[\s\S])*"$/.test(value)) {
    return value
      .slice(1, -1)
      .replace(/\\\n/g, '')
      .replace(/\\(["\\$`])/g, '$1')
  }
  return value.replace(/\\\n\s*/g, '').replace(/\s+#.*$/, '')
}
