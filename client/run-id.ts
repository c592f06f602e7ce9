import { randomInt } from 'node:crypto'
import { Rejected } from './errors.ts'

/** `etcd-migrate-node-demo-kfwtz`: readable, and short enough to be said on the phone. */
export function newRunId(runbook: string, cluster: string | undefined): string {
  const letters = Array.from({ length: 5 }, () => LETTERS[randomInt(LETTERS.length)]).join('')
  return [runbook, ...(cluster === undefined ? [] : [cluster]), letters].join('-')
}

/**
 * The one run meant by `text`: its id, or a part that only its id has; left out, the only run that is open.
 * An open run is preferred to closed ones. Throws `Rejected` naming the candidates.
 */
export function pickRun(text: string | undefined, runs: readonly Candidate[]): string {
  const open = runs.filter(({ open }) => open)
  if (text === undefined) return only(open, 'There is no open run: name one, `quorate runs` lists them.')
  if (runs.some(({ id }) => id === text)) return text
  const matching = runs.filter(({ id }) => id.includes(text))
  const openMatching = matching.filter(({ open }) => open)
  const none = `There is no run "${text}": \`quorate runs\` lists them.`
  return only(openMatching.length > 0 ? openMatching : matching, none)
}

export interface Candidate {
  readonly id: string
  readonly open: boolean
}

/** No vowels, so no words; nothing that looks like something else. */
const LETTERS = 'bcdfghjkmnpqrstvwxz'
const SHOWN = 8

function only(candidates: readonly Candidate[], none: string): string {
  const [first, ...others] = candidates
  if (first === undefined) throw new Rejected(none)
  if (others.length === 0) return first.id
  const names = candidates.slice(0, SHOWN).map(({ id }) => id)
  const rest = candidates.length > SHOWN ? ` and ${candidates.length - SHOWN} more` : ''
  throw new Rejected(`Which run? Several fit: ${names.join(', ')}${rest}.`)
}
