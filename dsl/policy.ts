import { z } from 'zod'
import { type DecisionName, decisionNames } from './decision-names.ts'
import { checkShape } from './check-shape.ts'
import { listed, suggest } from './near.ts'
import type { Checked } from './problem.ts'
import { readYaml } from './read-yaml.ts'
import { problemAt, sortProblems, type Source } from './source.ts'
import { childOf, type YamlNode } from './yaml-node.ts'

/** Who may decide. Not part of a runbook: the same runbook serves teams of one and of thirty. */
export interface Policy {
  /** Names of people, by role. */
  readonly roles: Readonly<Record<string, readonly string[]>>
  /** Roles, by decision. One that is not named is open to everybody. */
  readonly decisions: Readonly<Partial<Record<DecisionName, readonly string[]>>>
}

export const roleName = z.string().regex(/^[A-Za-z][A-Za-z0-9_-]*$/, {
  error: 'A role begins with a letter and has letters, digits, "_" and "-" only.',
})

const person = z.string().regex(/^\S(.{0,198}\S)?$/, {
  error: 'A person is a name of at most 200 characters, as doors give it: ada, or ada@laptop.',
})

/** One role, or any of several. */
export const oneOrMoreRoles = z.union([roleName, z.array(roleName).min(1)])

export const rolesOf = (roles: string | readonly string[]): readonly string[] =>
  typeof roles === 'string' ? [roles] : roles

const decisionRoles = oneOrMoreRoles.describe('A role, or a list of which any one does.').optional()

export const policySchema = z.strictObject({
  roles: z
    .record(
      roleName,
      z.array(person).min(1).describe('Who has it: `ada` from anywhere, `ada@laptop` only from there.'),
    )
    .describe('Roles, by names of your choice: a step asks for one with `by`.'),
  decisions: z
    .strictObject({
      approve: decisionRoles,
      reject: decisionRoles,
      confirm: decisionRoles,
      retry: decisionRoles,
      skip: decisionRoles,
      rollback: decisionRoles,
      abort: decisionRoles,
      pause: decisionRoles,
      resume: decisionRoles,
    } satisfies Record<DecisionName, typeof decisionRoles>)
    .describe('Who may decide what. What is not named here, everybody may.')
    .default({}),
})

/** Reads a policy. All problems at once. */
export function readPolicy(file: string, text: string): Checked<Policy> {
  const yaml = readYaml(file, text)
  if (!yaml.ok) return yaml
  const { source, root } = yaml.value
  const shaped = checkShape(source, root, policySchema, 'a policy')
  if (!shaped.ok) return { ok: false, problems: sortProblems(shaped.problems) }
  const { roles } = shaped.value
  const decisions = Object.fromEntries(
    decisionNames.flatMap((name) => {
      const needed = shaped.value.decisions[name]
      return needed === undefined ? [] : [[name, rolesOf(needed)]]
    }),
  )
  const problems = Object.entries(decisions).flatMap(([name, needed]) =>
    needed
      .filter((role) => !Object.hasOwn(roles, role))
      .map((role) => unknownRole(source, root, name, role, roles)),
  )
  if (problems.length > 0) return { ok: false, problems: sortProblems(problems) }
  return { ok: true, value: { roles, decisions } }
}

function unknownRole(
  source: Source,
  root: YamlNode,
  decision: string,
  role: string,
  roles: Policy['roles'],
): ReturnType<typeof problemAt> {
  const at = childOf(childOf(root, 'decisions') ?? root, decision) ?? root
  const known = Object.keys(roles)
  return problemAt(source, at.range, {
    code: 'WRONG_VALUE',
    message: `"${role}" is none of this policy's roles.`,
    hint: suggest(role, known) ?? (known.length === 0 ? 'It has none.' : `There are ${listed(known)}.`),
  })
}
