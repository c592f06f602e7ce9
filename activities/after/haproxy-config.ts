import { bracketed } from './members.ts'

/** What a server line points at. */
export interface Server {
  readonly name: string
  readonly address: string
  readonly port: number
}

export type EditedText =
  | { readonly ok: true; readonly text: string }
  /** A sentence that says why the text was left as it is. */
  | { readonly ok: false; readonly message: string }

/**
 * The text of an `haproxy.cfg` in which one back end (or `listen` section) has exactly these servers. Its
 * `server` lines are rewritten, each with the options it has; a new server gets those of the first line that
 * is there. A line belongs to the server of its name, else to the one of its address; lines of nobody go.
 * All else stays byte for byte. Pure; applying it twice is applying it once.
 * Source: HAProxy's configuration manual, "server" and the keywords of sections.
 */
export function withServers(text: string, backend: string, servers: readonly Server[]): EditedText {
  if (servers.length === 0) return refused('there is no member to send clients to')
  const lines = text.split('\n')
  const section = sectionOf(lines, backend)
  if (section === undefined) return refused(`it has no back end "${backend}"`)
  if (lines.slice(section.first, section.end).some((line) => /^\s*server-template\s/.test(line)))
    return refused(`the back end "${backend}" finds its servers by a server-template`)
  const present = serverLines(lines, section)
  const owners = ownersOf(present, servers)
  const model = present.find(({ parts }) => !/\sbackup(\s|$)/.test(parts[2])) ?? present[0]
  const rewritten = new Map(
    present.map((line) => {
      const owner = owners.get(line)
      return [line.index, owner === undefined ? undefined : pointedAt(line, owner)] as const
    }),
  )
  const claimed = new Set(owners.values())
  const added = servers.filter((server) => !claimed.has(server)).map((server) => lineFor(server, model))
  const after = present.at(-1)?.index ?? lastSaid(lines, section)
  return {
    ok: true,
    text: lines
      .flatMap((line, index) => {
        const now = rewritten.has(index) ? rewritten.get(index) : line
        const kept = now === undefined ? [] : [now]
        return index === after ? [...kept, ...added.map((each) => each + endOf(line))] : kept
      })
      .join('\n'),
  }
}

function refused(message: string): EditedText {
  return { ok: false, message }
}

interface Section {
  readonly first: number
  /** The line after its last. */
  readonly end: number
}

const sectionStart =
  /^\s*(global|defaults|frontend|backend|listen|peers|resolvers|mailers|userlist|program|cache|ring|http-errors|fcgi-app|log-forward|crt-store|traces|acme|log-profile)\b/

function sectionOf(lines: readonly string[], backend: string): Section | undefined {
  const first = lines.findIndex((line) => {
    const [, kind, name] = /^\s*(backend|listen)\s+([^\s#]+)/.exec(line) ?? []
    return kind !== undefined && name === backend
  })
  if (first < 0) return undefined
  const next = lines.findIndex((line, index) => index > first && sectionStart.test(line))
  return { first, end: next < 0 ? lines.length : next }
}

interface ServerLine extends Server {
  readonly index: number
  /** Up to the name, between name and address, and behind the address. */
  readonly parts: readonly [string, string, string]
}

function serverLines(lines: readonly string[], { first, end }: Section): readonly ServerLine[] {
  return lines.flatMap((line, index) => {
    if (index <= first || index >= end) return []
    const [, head, name, gap, at, tail] = /^(\s*server\s+)(\S+)(\s+)(\S+)(.*)$/s.exec(line) ?? []
    if (head === undefined || name === undefined || gap === undefined || at === undefined) return []
    const [, address, port] = /^(?:ipv[46]@)?(.*?)(?::(\d+))?$/.exec(at) ?? []
    const plain = (address ?? at).replace(/^\[|\]$/g, '')
    return [{ index, name, address: plain, port: Number(port ?? 0), parts: [head, gap, tail ?? ''] as const }]
  })
}

/** Names first, so that no name is given twice; addresses for lines whose name is no member's. */
function ownersOf(
  present: readonly ServerLine[],
  servers: readonly Server[],
): ReadonlyMap<ServerLine, Server> {
  const names = new Set(servers.map(({ name }) => name))
  const firstOf = (server: Server, is: (line: ServerLine) => boolean) => {
    const line = present.find(is)
    return line === undefined ? [] : [[line, server] as const]
  }
  const byName = new Map(servers.flatMap((server) => firstOf(server, ({ name }) => name === server.name)))
  const named = new Set(byName.values())
  const byAddress = servers
    .filter((server) => !named.has(server))
    .flatMap((server) =>
      firstOf(
        server,
        ({ name, address, port }) => !names.has(name) && address === server.address && port === server.port,
      ),
    )
  return new Map([...byName, ...byAddress])
}

function pointedAt(line: ServerLine, { address, port }: Server): string {
  const [head, gap, tail] = line.parts
  return `${head}${line.name}${gap}${bracketed(address)}:${port}${tail}`
}

/** A first server is checked, because a back end that sends clients to a dead member helps nobody. */
function lineFor({ name, address, port }: Server, model: ServerLine | undefined): string {
  const [head, gap, tail] = model?.parts ?? ['    server ', ' ', ' check']
  return `${head}${name}${gap}${bracketed(address)}:${port}${shared(tail)}`
}

/** The options of a line without its comment and without what only one server of a back end may have. */
function shared(tail: string): string {
  return tail
    .replace(/(^|\s)#.*$/s, '')
    .replace(/\s(id|cookie)\s+\S+/g, '')
    .trimEnd()
}

function lastSaid(lines: readonly string[], { first, end }: Section): number {
  const said = lines.findLastIndex((line, index) => index < end && /^\s*[^\s#]/.test(line))
  return Math.max(first, said)
}

function endOf(line: string): string {
  return line.endsWith('\r') ? '\r' : ''
}
