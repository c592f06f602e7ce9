/** An environment file of etcd: `NAME=value` a line, as a shell and systemd's EnvironmentFile both read it. */

/** Sets variables in the text of an environment file. Comments, other variables and their order stay. */
export function setVariables(text: string, values: Readonly<Record<string, string>>): string {
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n')
  const present = new Set(lines.flatMap((line) => variableOf(line)?.name ?? []))
  const kept = lines.map((line) => rewritten(line, values))
  const added = Object.entries(values).filter(([name]) => !present.has(name))
  return [...kept, ...added.map(([name, value]) => `${name}=${quoted(value)}`)]
    .map((line) => `${line}\n`)
    .join('')
}

/** The variables of an environment file; of a name given twice the last counts. */
export function readVariables(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split('\n').flatMap((line) => {
      const variable = variableOf(line)
      return variable ? [[variable.name, unquoted(variable.value)] as const] : []
    }),
  )
}

interface Variable {
  readonly indent: string
  readonly name: string
  readonly value: string
}

function variableOf(line: string): Variable | undefined {
  const [, indent, name, value] = /^(\s*(?:export\s+)?)([A-Za-z_]\w*)=(.*)$/.exec(line) ?? []
  return name === undefined ? undefined : { indent: indent ?? '', name, value: value ?? '' }
}

function rewritten(line: string, values: Readonly<Record<string, string>>): string {
  const variable = variableOf(line)
  const value = variable && Object.hasOwn(values, variable.name) ? values[variable.name] : undefined
  if (!variable || value === undefined || unquoted(variable.value) === value) return line
  return `${variable.indent}${variable.name}=${quoted(value)}`
}

/** Plain where that is safe, else in double quotes, which a shell and systemd read alike. */
function quoted(value: string): string {
  return /^[\w/:.,=@%+-]*$/.test(value) ? value : `"${value.replace(/["\\$`]/g, String.raw`\$&`)}"`
}

function unquoted(text: string): string {
  const value = text.trim()
  if (/^'[^']*'$/.test(value)) return value.slice(1, -1)
  if (/^"(?:[^"\\]|\\.)*"$/.test(value)) return value.slice(1, -1).replace(/\\(["\\$`])/g, '$1')
  return value.replace(/\s+#.*$/, '')
}
