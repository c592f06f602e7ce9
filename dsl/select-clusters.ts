import type { Cluster } from './inventory.ts'
import { listed, suggest } from './near.ts'

type Clusters = Readonly<Record<string, Pick<Cluster, 'labels'>>>

export type Selected =
  { readonly ok: true; readonly names: readonly string[] } | { readonly ok: false; readonly message: string }

/**
 * The clusters of an inventory that a selection means, in the order of their names. A selection is a list of
 * terms, in one text separated by commas: a name (`prod-eu`), a pattern (`prod-*`), a label (`env=prod`), several
 * that must hold together (`env=prod&region=eu`), or one of these with a `!` before it, which leaves out. A term
 * that means no cluster is an error: it is a slip of the pen more often than an empty fleet.
 */
export function selectClusters(selection: string | readonly string[], clusters: Clusters): Selected {
  const terms = [selection]
    .flat()
    .flatMap((text) => text.split(','))
    .map((term) => term.trim())
    .filter((term) => term !== '')
  const wanted = terms.filter((term) => !term.startsWith('!'))
  const unwanted = terms.filter((term) => term.startsWith('!')).map((term) => term.slice(1).trim())
  const idle = [...wanted, ...unwanted].find((term) => meant(term, clusters).length === 0)
  if (idle !== undefined) return { ok: false, message: nobody(idle, clusters) }
  const out = new Set(unwanted.flatMap((term) => meant(term, clusters)))
  const within = wanted.length === 0 && unwanted.length > 0 ? ['*'] : wanted
  const names = new Set(within.flatMap((term) => meant(term, clusters)).filter((name) => !out.has(name)))
  if (names.size === 0)
    return { ok: false, message: `No cluster is selected by "${terms.join(',')}". ${there(clusters)}` }
  return { ok: true, names: [...names].toSorted() }
}

const meant = (term: string, clusters: Clusters): readonly string[] =>
  Object.keys(clusters).filter((name) =>
    term.split('&').every((part) => matches(part.trim(), name, clusters[name]?.labels ?? {})),
  )

function matches(part: string, name: string, labels: Readonly<Record<string, string>>): boolean {
  const at = part.indexOf('=')
  if (at < 0) return fits(part, name)
  const value = labels[part.slice(0, at).trim()]
  return value !== undefined && fits(part.slice(at + 1).trim(), value)
}

/** `*` stands for any letters, none included. */
function fits(pattern: string, text: string): boolean {
  const [first = '', ...others] = pattern.split('*')
  if (others.length === 0) return pattern === text
  const last = others.pop() ?? ''
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length)
    return false
  let rest = text.slice(first.length, text.length - last.length)
  for (const piece of others) {
    const at = rest.indexOf(piece)
    if (at < 0) return false
    rest = rest.slice(at + piece.length)
  }
  return true
}

function nobody(term: string, clusters: Clusters): string {
  if (!/[=*&]/.test(term))
    return `The inventory has no cluster "${term}". ${suggest(term, Object.keys(clusters)) ?? ''}`.trimEnd()
  return `"${term}" means no cluster of the inventory. ${there(clusters)}`
}

function there(clusters: Clusters): string {
  const labels = new Set(
    Object.values(clusters).flatMap(({ labels: own = {} }) =>
      Object.entries(own).map(([key, value]) => `${key}=${value}`),
    ),
  )
  const labelled = labels.size === 0 ? 'none has labels' : `labels are ${listed([...labels].toSorted(), 12)}`
  return `There is ${listed(Object.keys(clusters).toSorted(), 12)}; ${labelled}.`
}
