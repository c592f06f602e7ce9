import { listed } from '../dsl/near.ts'
import { isAmong, isSamePerson } from '../dsl/person.ts'
import type { Policy } from '../dsl/policy.ts'
import type { UpdateName } from './doors.ts'
import type { Approval, DecisionKind, Waiting } from './ports.ts'

export interface Deciding {
  readonly decision: UpdateName
  /** As the door says; nothing when it says nothing. */
  readonly by: string | undefined
  readonly policy: Policy | undefined
  /** Who started the run. */
  readonly requester: string
  /** What is asked, where the decision is an answer to it. */
  readonly approval?: Approval
}

/** Why this person may not decide this, as a sentence; nothing when they may. */
export function mayNot(deciding: Deciding): string | undefined {
  return byRole(deciding) ?? (deciding.decision === 'approve' ? asSecondPerson(deciding) : undefined)
}

function byRole({ decision, by, policy, approval }: Deciding): string | undefined {
  const asked = isAnswer(decision) ? approval?.by : undefined
  for (const roles of [policy?.decisions[decision], asked]) {
    if (roles === undefined) continue
    const people = peopleOf(roles, policy)
    const whose = `"${decision}" is for the role ${rolesText(roles, policy)}`
    if (by === undefined) return `Say who you are ({"by": "…"}): ${whose}.`
    if (!isAmong(by, people)) return `${whose}, and ${by} does not have it.`
  }
  return undefined
}

function asSecondPerson({ by, requester, approval, policy }: Deciding): string | undefined {
  if (!approval) return undefined
  const another = takesAnother(approval, policy)
  if (approval.people === undefined && !another) return undefined
  if (by === undefined) return 'Say who you are ({"by": "…"}): it matters here who approves.'
  if (another && isSamePerson(by, requester))
    return `${by} started this run, so another person has to approve it.`
  const already = approval.given?.find((given) => isSamePerson(given.by, by))
  if (!already) return undefined
  const missing = (approval.people ?? 1) - (approval.given?.length ?? 0)
  return `${already.by} has approved this already; it takes ${missing} more, from ${missing === 1 ? 'another person' : 'other people'}.`
}

/** Where there is a policy, nobody overrides a guard alone. */
const takesAnother = ({ notRequester, overrides }: Approval, policy: Policy | undefined): boolean =>
  notRequester === true || (overrides !== undefined && policy !== undefined)

/** `lead (grace) or operator (ada, grace)` */
export function rolesText(roles: readonly string[], policy: Policy | undefined): string {
  return roles.map((role) => `${role} (${(policy?.roles[role] ?? []).join(', ')})`).join(' or ')
}

const peopleOf = (roles: readonly string[], policy: Policy | undefined): readonly string[] =>
  roles.flatMap((role) => policy?.roles[role] ?? [])

const isAnswer = (decision: UpdateName): boolean =>
  decision === 'approve' || decision === 'reject' || decision === 'confirm'

/** On what terms an answer counts and who may decide what is offered, a sentence each. */
export function termsOf(
  { approval, offers }: Pick<Waiting, 'approval' | 'offers'>,
  { policy, requester }: Pick<Deciding, 'policy' | 'requester'>,
): readonly string[] {
  return [
    ...(approval ? approvalTerms(approval, policy, requester) : []),
    ...offers.flatMap((kind) => {
      const roles = policy?.decisions[kind]
      return roles === undefined ? [] : [`Only the role ${rolesText(roles, policy)} may ${verbs[kind]}.`]
    }),
  ]
}

function approvalTerms(approval: Approval, policy: Policy | undefined, requester: string): readonly string[] {
  const { by, people = 1, given = [], typed, expiresMs, manual } = approval
  const far = given.length === 0 ? '' : `; ${listed(given.map((one) => one.by))} did so far`
  return [
    ...(by === undefined ? [] : [`Only the role ${rolesText(by, policy)} may answer.`]),
    ...(people > 1 ? [`${people} different people have to approve${far}.`] : []),
    ...(takesAnother(approval, policy) ? [`${requester}, who started the run, cannot approve it.`] : []),
    ...(typed === undefined ? [] : [`To confirm it, "${typed}" has to be typed.`]),
    ...(expiresMs === undefined
      ? []
      : [`At ${timeText(expiresMs)} the step fails unless it is ${manual ? 'confirmed' : 'approved'}.`]),
  ]
}

const timeText = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`

const verbs: Readonly<Record<DecisionKind, string>> = {
  approve: 'approve',
  reject: 'reject',
  confirm: 'confirm',
  retry: 'retry',
  skip: 'skip',
  rollback: 'roll back',
  abort: 'abort',
}
