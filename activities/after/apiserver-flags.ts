import { isScalar, parseAllDocuments, type Scalar, visit } from 'yaml'
import type { EditedText } from './haproxy-config.ts'

/** What `--etcd-servers` is to be, told from what it is. Each list is of client URLs. */
export type ChooseServers = (present: readonly string[]) => readonly string[]

/**
 * The text of a pod manifest in which `--etcd-servers` of its commands (`--etcd-servers=URLS`, the two words
 * one after the other, or within a shell's command line) names other servers. Comments, quotes and layout
 * stay. Pure.
 * Source: kube-apiserver's command line reference; `--etcd-servers-overrides` is about other clusters.
 */
export function manifestWithServers(text: string, choose: ChooseServers): EditedText {
  const found = wordsOf(text)
  if (typeof found === 'string') return refused(found)
  if (found.length === 0) return refused('no command in it has --etcd-servers')
  const edited = found
    .toSorted((a, b) => b.start - a.start)
    .reduce((result, word) => rewritten(result, word, choose), text)
  const again = wordsOf(edited)
  const read = typeof again === 'string' ? [] : again.map(({ value }) => value)
  const written = found.map(({ value }) => next(value, choose))
  return read.join(' ') === written.join(' ')
    ? { ok: true, text: edited }
    : refused('the new --etcd-servers cannot be written in the place of the present one')
}

/**
 * The text of a systemd unit or of an environment file in which `--etcd-servers` names other servers: the flag
 * wherever it stands outside comments, or, where the flag does not stand, a variable whose name ends in
 * `ETCD_SERVERS`. All else stays byte for byte. Pure.
 */
export function unitWithServers(text: string, choose: ChooseServers): EditedText {
  const found = placesIn(text)
  if (found.length === 0) return refused('it has no --etcd-servers outside of comments')
  const variable = found.map(({ value }) => /\$\{?\w+\}?/.exec(value)?.[0]).find((name) => name !== undefined)
  if (variable !== undefined)
    return refused(`--etcd-servers comes from ${variable} there: name the file that sets it`)
  return { ok: true, text: spliced(text, found, choose) }
}

/** The values of `--etcd-servers` as they stand in a file; none when it cannot be read. */
export function serversIn(kind: 'manifest' | 'unit', text: string): readonly string[] {
  const found = kind === 'manifest' ? wordsOf(text) : placesIn(text)
  return typeof found === 'string' ? [] : found.map(({ value }) => value)
}

/** The `--secure-port` that a file of either kind names; `undefined` when it names none. Told by it are the processes of several API servers on one host. */
export function securePortIn(text: string): string | undefined {
  return /(?<=^(?![ \t]*[#;]).*?)--secure-port(?:=|["'\s-]+)(\d+)/m.exec(text)?.[1]
}

/**
 * The servers for one API server: those it names already, in its order, without those that are no members, then
 * the others. A loopback URL stands for the member on the API server's own host while there is one; a server
 * that names nothing else is left to its own member. Pure.
 */
export function chooseServers(
  members: readonly { readonly host?: string; readonly clientUrl: string }[],
  apiHost: string,
): ChooseServers {
  const urls = members.map(({ clientUrl }) => clientUrl)
  const own = members.find(({ host }) => host === apiHost)?.clientUrl
  /** The member that a URL means; `undefined` when it is none's. */
  const meantBy = (url: string) => {
    if (urls.includes(url)) return url
    return own !== undefined && standsFor(url, own) ? own : undefined
  }
  return (present) => {
    const kept = present.filter((url) => meantBy(bare(url)) !== undefined)
    const onlyOwn = present.every((url) => !urls.includes(bare(url)) && meantBy(bare(url)) === own)
    if (own !== undefined && present.length > 0 && onlyOwn) return present
    const meant = new Set(kept.map((url) => meantBy(bare(url))))
    return [...kept, ...urls.filter((url) => !meant.has(url))]
  }
}

function bare(url: string): string {
  return url.replace(/\/$/, '')
}

function standsFor(url: string, own: string): boolean {
  if (!URL.canParse(url) || !URL.canParse(own)) return false
  const [it, that] = [new URL(url), new URL(own)]
  const loopback = /^(127\.|localhost$|\[::1\]$)/.test(it.hostname)
  return loopback && it.port === that.port && it.protocol === that.protocol
}

function refused(message: string): EditedText {
  return { ok: false, message }
}

/** Where the URLs stand in a text. */
interface Place {
  readonly start: number
  readonly end: number
  readonly value: string
}

interface Word extends Place {
  /** Plain text cannot have commas within `[…]`: the word that is to be quoted from its beginning. */
  readonly toQuote?: { readonly start: number; readonly end: number }
}

const flag = '--etcd-servers'

function wordsOf(text: string): readonly Word[] | string {
  const documents: ReturnType<typeof parseAllDocuments> = parseAllDocuments(text)
  const broken = documents.flatMap(({ errors }) => errors)[0]
  if (broken !== undefined)
    return `it cannot be read as YAML (${broken.message.split('\n')[0]?.replace(/:$/, '')})`
  const words: Word[] = []
  for (const document of documents) {
    visit(document, {
      Seq: (_key, { items, flow }) => {
        const scalars = items.map((item) => (isScalar(item) ? item : undefined))
        words.push(...serverWords(text, scalars, flow === true))
      },
    })
  }
  return words
}

function serverWords(text: string, items: readonly (Scalar | undefined)[], flow: boolean): readonly Word[] {
  return items.flatMap((item, index) => {
    if (typeof item?.value !== 'string' || !item.range) return []
    const [start, end] = item.range
    const plain = item.type === 'PLAIN'
    const toQuote = flow && plain ? { toQuote: { start, end } } : {}
    if (items[index - 1]?.value === flag) {
      const inner = plain ? 0 : 1
      return [{ start: start + inner, end: start + inner + item.value.length, value: item.value, ...toQuote }]
    }
    return placesIn(text.slice(start, end), flagValue).map((place) => ({
      start: start + place.start,
      end: start + place.end,
      value: place.value,
      ...toQuote,
    }))
  })
}

function rewritten(text: string, word: Word, choose: ChooseServers): string {
  const value = next(word.value, choose)
  if (value === word.value) return text
  const { start, end } = word.toQuote ?? word
  const quote = word.toQuote ? '"' : ''
  const inside = text.slice(start, word.start) + value + text.slice(word.end, end)
  return `${text.slice(0, start)}${quote}${inside}${quote}${text.slice(end)}`
}

/** A value that names the same servers stays as it is written, its slashes too. */
function next(value: string, choose: ChooseServers): string {
  const present = value.split(',').map((url) => url.trim())
  const chosen = choose(present.filter(Boolean))
  const same = chosen.length === present.length && chosen.every((url, index) => url === present[index])
  return same ? value : chosen.join(',')
}

function spliced(text: string, places: readonly Place[], choose: ChooseServers): string {
  return places
    .toReversed()
    .reduce(
      (result, { start, end, value }) => result.slice(0, start) + next(value, choose) + result.slice(end),
      text,
    )
}

function placesIn(text: string, pattern?: RegExp): readonly Place[] {
  const found = [...text.matchAll(pattern ?? flagValue)]
  const matches = found.length > 0 || pattern !== undefined ? found : [...text.matchAll(variableValue)]
  return matches.map(({ index, 1: before = '', 2: value = '' }) => {
    const start = index + before.length
    return { start, end: start + value.length, value }
  })
}

/** Outside of comments; the value may stand behind the continuation of a line. */
const flagValue =
  /(?<=^(?![ \t]*[#;]).*?)((?<![\w-])--etcd-servers(?:=|(?:[ \t]|\\\r?\n)+)["']?)([^\s"'\\]+)/gm

const variableValue = /(?<=^[ \t]*(?:export[ \t]+)?)(\w*ETCD_SERVERS=["']?)([^\s"'\\]+)/gim
