import { listed } from './near.ts'
import type { Policy } from './policy.ts'
import type { Program } from './program.ts'
import { isSamePerson } from './person.ts'

/** What a step asks of the people who answer it. */
interface Asking {
  readonly key: string
  readonly by?: readonly string[]
  readonly people?: number
  readonly notRequester?: boolean
}

/**
 * Why nobody could ever answer what a program asks, one sentence a step; none where that is not so. `requester`
 * is who starts the run.
 */
export function unanswerable(
  program: Program,
  policy: Policy | undefined,
  requester: string,
): readonly string[] {
  return askings(program.steps).flatMap((asking) => {
    const { key, by, people = 1, notRequester = false } = asking
    if (by === undefined) return []
    const unknown = by.filter((role) => !Object.hasOwn(policy?.roles ?? {}, role))
    if (unknown.length > 0) return [unknownRole(key, unknown, policy)]
    const able = new Set(by.flatMap((role) => policy?.roles[role] ?? []))
    const others = [...able].filter((person) => !notRequester || !isSamePerson(person, requester))
    if (others.length >= people) return []
    const who = others.length === 0 ? 'nobody' : `only ${listed(others)}`
    const besides = notRequester ? `, besides ${requester} who starts the run,` : ''
    return [
      `Step "${key}" needs ${people} of the role ${listed(by)}, and${besides} ${who} has it: put more people into the role.`,
    ]
  })
}

function unknownRole(key: string, roles: readonly string[], policy: Policy | undefined): string {
  const needed = `Step "${key}" may be answered only by the role ${listed(roles)}`
  if (policy === undefined) {
    return `${needed}, and this worker has no policy that says who that is: name a file in QUORATE_POLICY with \`roles: { ${roles[0] ?? ''}: [NAME] }\` and start the worker again.`
  }
  const known = Object.keys(policy.roles)
  return `${needed}, which the worker's policy does not know (it has ${known.length === 0 ? 'no roles' : listed(known)}): add it there under \`roles\`.`
}

/** Wherever steps may stand inside steps, those that ask a person. */
function askings(part: unknown): readonly Asking[] {
  if (Array.isArray(part)) return part.flatMap(askings)
  if (typeof part !== 'object' || part === null) return []
  const inside = Object.values(part).flatMap(askings)
  return isAsking(part) ? [part, ...inside] : inside
}

const isAsking = (part: object): part is Asking & object =>
  'onFailure' in part &&
  'key' in part &&
  'kind' in part &&
  (part.kind === 'approve' || part.kind === 'manual')
