import { z } from 'zod'
import type { ActionSpec, Catalogue, JsonSchema } from './action-spec.ts'
import { callableSchema } from './callable-schema.ts'
import { recordOf } from './check-shape.ts'
import { inventorySchema } from './inventory-schema.ts'
import { policySchema } from './policy.ts'
import type { Program } from './program.ts'
import { inputSchema, runbookSchema, stepKinds, stepSchemas, type StepKind } from './runbook-schema.ts'
import { orExpression } from './schema-or-expression.ts'

/**
 * JSON Schema (draft 7, which editors understand) of a runbook: completion, documentation and what is wrong, each
 * action's own inputs and those of the runbooks that may be called included. The linter says more; this never
 * refuses what the linter takes.
 */
export function runbookJsonSchema(catalogue: Catalogue, library: readonly Program[] = []): JsonSchema {
  const actions = byName([...catalogue.values()])
  const runbooks = byName(library)
  const runbook = fromZod(runbookSchema)
  const properties = recordOf(runbook['properties'])
  return {
    ...runbook,
    // No title: editors would write it above everything in the file that has none.
    description: 'A runbook of Quorate.',
    properties: {
      ...properties,
      inputs: { ...recordOf(properties['inputs']), additionalProperties: fromZod(inputSchema) },
      steps: stepList(recordOf(properties['steps'])),
    },
    definitions: {
      step: anyStep(),
      ...Object.fromEntries(stepKinds.map((kind) => [`step.${kind}`, stepSchema(kind, actions, runbooks)])),
      ...Object.fromEntries(actions.map((action) => [`with.${action.name}`, withSchema(action)])),
      ...Object.fromEntries(runbooks.map((program) => [`call.${program.name}`, callableSchema(program)])),
    },
  }
}

export function inventoryJsonSchema(): JsonSchema {
  return { ...fromZod(inventorySchema), title: 'An inventory of Quorate' }
}

export function policyJsonSchema(): JsonSchema {
  return { ...fromZod(policySchema), title: 'A policy of Quorate' }
}

const byName = <Named extends { readonly name: string }>(all: readonly Named[]): readonly Named[] =>
  all.toSorted((a, b) => (a.name < b.name ? -1 : 1))

function fromZod(schema: z.ZodType): JsonSchema {
  return { ...z.toJSONSchema(schema, { target: 'draft-7', io: 'input', unrepresentable: 'any' }) }
}

const reference = (definition: string): JsonSchema => ({ $ref: `#/definitions/${definition}` })

const stepList = (schema: JsonSchema): JsonSchema => ({ ...schema, type: 'array', items: reference('step') })

/** What a step is follows from its one key, so an editor says what is wrong with that kind and no other. */
function anyStep(): JsonSchema {
  const kinds = stepKinds.map((kind) => {
    const own = recordOf(recordOf(fromZod(stepSchemas[kind])['properties'])[kind])
    return [kind, { description: own['description'] }] as const
  })
  const some = { anyOf: stepKinds.map((kind) => ({ required: [kind] })) }
  return {
    type: 'object',
    ...some,
    allOf: [
      // While there is none, an editor offers them all.
      { if: { type: 'object', ...some }, else: { properties: Object.fromEntries(kinds) } },
      ...stepKinds.map((kind) => when(isKind(kind), reference(`step.${kind}`))),
    ],
  }
}

/** `steps` is a kind of step, but also what a loop has in it. */
function isKind(kind: StepKind): JsonSchema {
  const others = stepKinds.filter((other) => other !== kind && kind in stepSchemas[other].shape)
  if (others.length === 0) return { type: 'object', required: [kind] }
  return { type: 'object', required: [kind], not: { anyOf: others.map((other) => ({ required: [other] })) } }
}

const when = (condition: JsonSchema, schema: JsonSchema): JsonSchema => ({
  if: condition,
  // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
  then: schema,
})

function stepSchema(
  kind: StepKind,
  actions: readonly ActionSpec[],
  runbooks: readonly Program[],
): JsonSchema {
  const { $schema: _top, ...schema } = fromZod(stepSchemas[kind])
  const properties = Object.entries(recordOf(schema['properties'])).map(
    ([key, part]) => [key, holdsSteps(recordOf(part)) ? stepList(recordOf(part)) : part] as const,
  )
  const whole = { ...schema, properties: Object.fromEntries(properties) }
  if (kind === 'uses') return withChoices(whole, kind, actions.map(choiceOfAction))
  if (kind === 'gate')
    return withChoices(whole, kind, actions.filter(({ effect }) => effect === 'read').map(choiceOfAction))
  if (kind === 'call') return withChoices(whole, kind, runbooks.map(choiceOfRunbook), { type: 'string' })
  return whole
}

/** A list of anything is a list of steps: all else in a step says what it is. */
const holdsSteps = ({ type, items }: JsonSchema): boolean =>
  type === 'array' && Object.keys(recordOf(items)).length === 0

interface Choice {
  readonly name: string
  readonly description: string
  /** Of what stands in `with`. */
  readonly inputs: string
  readonly needsWith: boolean
}

const choiceOfAction = ({ name, title, doc, effect, input }: ActionSpec): Choice => ({
  name,
  description: `${title} (${effect}). ${doc}`,
  inputs: `with.${name}`,
  needsWith: Array.isArray(input['required']) && input['required'].length > 0,
})

const choiceOfRunbook = ({ name, title, effect, inputs }: Program): Choice => ({
  name,
  description: `${title} (${effect}).`,
  inputs: `call.${name}`,
  needsWith: Object.values(inputs).some(({ required }) => required),
})

/** The choice of names, and `with` by the name that is chosen; `others` where there may be more. */
function withChoices(
  schema: JsonSchema,
  key: 'uses' | 'gate' | 'call',
  choices: readonly Choice[],
  others?: JsonSchema,
): JsonSchema {
  const names = choices.map(({ name, description }) => ({ const: name, title: name, description }))
  const own = recordOf(recordOf(schema['properties'])[key])
  const anyOf = [...names, ...(others === undefined ? [] : [others])]
  const cases = choices.map(({ name, inputs, needsWith }) =>
    when(
      { type: 'object', properties: { [key]: exactly(name) }, required: [key] },
      { properties: { with: reference(inputs) }, ...(needsWith ? { required: ['with'] } : {}) },
    ),
  )
  const properties = { ...recordOf(schema['properties']), [key]: { ...own, type: 'string', anyOf } }
  return { ...schema, properties, ...(cases.length === 0 ? {} : { allOf: cases }) }
}

/** Not `const`: while one writes, an editor takes the beginning of a name for all names that begin so. */
const exactly = (name: string): JsonSchema => ({ pattern: `^${name.replaceAll('.', '\\.')}$` })

function withSchema({ name, title, input }: ActionSpec): JsonSchema {
  const { $schema: _top, ...fields } = orExpression(input, `with.${name}`)
  return { ...fields, title: `inputs of ${name}`, description: `Inputs of ${name}: ${title}.` }
}
