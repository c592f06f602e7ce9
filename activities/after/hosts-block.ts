export interface NamedAddress {
  readonly name: string
  readonly address: string
}

/**
 * The text of a hosts file with a marked block of its own that names the members of a cluster. What is outside
 * the block stays byte for byte; without one it is appended. Pure; applying it twice is applying it once.
 * Source: hosts(5).
 */
export function withHosts(text: string, cluster: string, members: readonly NamedAddress[]): string {
  const lines = members.map(({ address, name }) => `${address}\t${name}\n`).join('')
  const block = `${begin(cluster)}\n${lines}${end(cluster)}\n`
  const found = blockIn(text, cluster)
  if (found !== undefined) return text.slice(0, found.start) + block + text.slice(found.end)
  const gap = text === '' || text.endsWith('\n') ? '' : '\n'
  return `${text}${gap}${block}`
}

/** Names outside the block that a member has as well: the first line that names a host wins. Pure. */
export function shadowed(
  text: string,
  cluster: string,
  members: readonly NamedAddress[],
): readonly NamedAddress[] {
  const found = blockIn(text, cluster)
  const others = found === undefined ? text : text.slice(0, found.start) + text.slice(found.end)
  const named = others.split('\n').flatMap((line) => {
    const [address, ...names] = line.replace(/#.*$/s, '').trim().split(/\s+/)
    return address === undefined ? [] : names.map((name) => ({ name, address }))
  })
  return named.filter(({ name, address }) =>
    members.some((member) => member.name === name && member.address !== address),
  )
}

const begin = (cluster: string) => `# quorate begin: members of ${cluster}`
const end = (cluster: string) => `# quorate end: members of ${cluster}`

/** From the last beginning before the first end behind it: what lies between is ours, and no more. */
function blockIn(text: string, cluster: string) {
  let start = lineAt(text, begin(cluster), 0)
  if (start === undefined) return undefined
  const last = lineAt(text, end(cluster), start)
  if (last === undefined) return undefined
  for (let next = lineAt(text, begin(cluster), start + 1); next !== undefined && next < last;) {
    start = next
    next = lineAt(text, begin(cluster), start + 1)
  }
  const after = text.indexOf('\n', last)
  return { start, end: after < 0 ? text.length : after + 1 }
}

/** Where a line stands that says just that. */
function lineAt(text: string, line: string, from: number): number | undefined {
  for (let at = text.indexOf(line, from); at >= 0; at = text.indexOf(line, at + 1)) {
    const alone = (at === 0 || text[at - 1] === '\n') && /^\r?(\n|$)/.test(text.slice(at + line.length))
    if (alone) return at
  }
  return undefined
}
