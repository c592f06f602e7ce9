import type { InputProblem, InputSpecs } from './inputs.ts'
import { listed, nearest } from './near.ts'
import type { InputType, Json } from './program.ts'

/** The names inputs may refer to: any `Inventory` is one. */
export interface KnownNames {
  readonly hosts: Readonly<Record<string, unknown>>
  readonly clusters: Readonly<Record<string, { readonly members: Readonly<Record<string, string>> }>>
}

interface Given {
  readonly input: string
  readonly name: string
}

/** Inputs that name a cluster, host or member that the inventory does not have. */
export function unknownNames(
  specs: InputSpecs,
  value: Readonly<Record<string, Json>>,
  inventory: KnownNames,
): readonly InputProblem[] {
  const given = (type: InputType) => givenOf(specs, value, type)
  const clusters = given('cluster').map(({ name }) => name)
  return [
    ...given('cluster').flatMap((one) => unknownName(one, 'cluster', Object.keys(inventory.clusters))),
    ...given('host').flatMap((one) => unknownName(one, 'host', Object.keys(inventory.hosts))),
    ...given('member').flatMap((one) => unknownMember(one, clusters, inventory)),
  ]
}

function givenOf(
  specs: InputSpecs,
  value: Readonly<Record<string, Json>>,
  type: InputType,
): readonly Given[] {
  return Object.entries(value).flatMap(([input, name]) =>
    specs[input]?.type === type && typeof name === 'string' ? [{ input, name }] : [],
  )
}

/** A member is one of the cluster that is given beside it. */
function unknownMember(
  given: Given,
  clusters: readonly string[],
  inventory: KnownNames,
): readonly InputProblem[] {
  const known = clusters.filter((cluster) => Object.hasOwn(inventory.clusters, cluster))
  if (clusters.length > 0 && known.length === 0) return []
  const within = known.length > 0 ? known : Object.keys(inventory.clusters)
  const members = within.flatMap((cluster) => Object.keys(inventory.clusters[cluster]?.members ?? {}))
  const what = known.length > 0 ? `member of cluster ${listed(known)}` : 'member of any cluster'
  return unknownName(given, what, members)
}

function unknownName(
  { input, name }: Given,
  what: string,
  known: readonly string[],
): readonly InputProblem[] {
  if (known.includes(name)) return []
  const near = nearest(name, known)
  const hint = near === undefined ? `there is ${listed(known, 12) || 'none'}` : `did you mean "${near}"?`
  return [{ input, message: `${input}: the inventory knows no ${what} named "${name}"; ${hint}` }]
}
