import { z } from 'zod'
import type { ActionSpec, Catalogue, JsonSchema } from './action-spec.ts'
import { recordOf } from './check-shape.ts'
import { inventorySchema } from './inventory-schema.ts'
import { inputSchema, runbookSchema, stepKinds, stepSchemas, type StepKind } from './runbook-schema.ts'

/**
 * JSON Schema (draft 7, which editors understand) of a runbook: completion and documentation, each action's
 * own inputs included. The linter says more; this never refuses what the linter takes.
 */
export function runbookJsonSchema(catalogue: Catalogue): JsonSchema {
  const actions = [...catalogue.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const runbook = fromZod(runbookSchema)
  const properties = recordOf(runbook['properties'])
  const steps = stepKinds.map((kind) => [`step.${kind}`, stepSchema(kind, actions)] as const)
  const inputs = actions.map((action) => [definitionOf(action), withSchema(action)] as const)
  return {
    ...runbook,
    title: 'A runbook of Quorate',
    properties: {
      ...properties,
      inputs: { ...recordOf(properties['inputs']), additionalProperties: fromZod(inputSchema) },
      steps: stepList(recordOf(properties['steps'])),
    },
    definitions: {
      step: { anyOf: stepKinds.map((kind) => reference(`step.${kind}`)) },
      ...Object.fromEntries(steps),
      ...Object.fromEntries(inputs),
    },
  }
}

export function inventoryJsonSchema(): JsonSchema {
  return { ...fromZod(inventorySchema), title: 'An inventory of Quorate' }
}

function fromZod(schema: z.ZodType): JsonSchema {
  return { ...z.toJSONSchema(schema, { target: 'draft-7', io: 'input', unrepresentable: 'any' }) }
}

function reference(definition: string): JsonSchema {
  return { $ref: `#/definitions/${definition}` }
}

function definitionOf({ name }: ActionSpec): string {
  return `with.${name}`
}

function stepList(schema: JsonSchema): JsonSchema {
  return { ...schema, type: 'array', items: reference('step') }
}

function stepSchema(kind: StepKind, actions: readonly ActionSpec[]): JsonSchema {
  const { $schema: _top, ...schema } = fromZod(stepSchemas[kind])
  const properties = recordOf(schema['properties'])
  const lists = ['steps', 'undo'].filter((key) => properties[key] !== undefined)
  const nested = lists.map((key) => [key, stepList(recordOf(properties[key]))] as const)
  const whole = { ...schema, properties: { ...properties, ...Object.fromEntries(nested) } }
  if (kind !== 'uses' && kind !== 'gate') return whole
  return withActions(
    whole,
    kind,
    kind === 'gate' ? actions.filter(({ effect }) => effect === 'read') : actions,
  )
}

/** The choice of actions, and `with` by the action that is chosen. */
function withActions(schema: JsonSchema, key: 'uses' | 'gate', actions: readonly ActionSpec[]): JsonSchema {
  const choices = actions.map(({ name, doc }) => ({ const: name, description: doc }))
  const properties = { ...recordOf(schema['properties']), [key]: { type: 'string', anyOf: choices } }
  const cases = actions.map((action) => ({
    if: { properties: { [key]: { const: action.name } }, required: [key] },
    // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
    then: { properties: { with: reference(definitionOf(action)) }, ...needsWith(action) },
  }))
  return { ...schema, properties, allOf: cases }
}

function needsWith({ input }: ActionSpec): JsonSchema {
  const { required } = input
  return Array.isArray(required) && required.length > 0 ? { required: ['with'] } : {}
}

function withSchema(action: ActionSpec): JsonSchema {
  const { $schema: _top, ...input } = action.input
  const { anyOf: _alone, ...object } = orExpression(input, definitionOf(action))
  return { ...object, description: action.doc }
}

const expression = { type: 'string', pattern: '\\$\\{\\{' }

/** Wherever a value may stand, an expression may; references are made to point into the definition. */
function orExpression(schema: JsonSchema, definition: string): JsonSchema {
  const inner = Object.entries(schema).map(([key, value]) => [key, partOf(key, value, definition)] as const)
  return Object.fromEntries(inner)
}

function partOf(key: string, value: unknown, definition: string): unknown {
  if (key === '$ref' && typeof value === 'string') return value.replace(/^#/, `#/definitions/${definition}`)
  if (key === 'properties' || key === '$defs')
    return mapValues(recordOf(value), (part) => alternative(part, definition))
  if (key === 'items' || key === 'additionalProperties') return alternative(value, definition)
  if ((key === 'anyOf' || key === 'oneOf') && Array.isArray(value)) {
    return value.map((part) => orExpression(recordOf(part), definition))
  }
  return value
}

function alternative(schema: unknown, definition: string): unknown {
  if (typeof schema === 'boolean') return schema
  const { description, ...whole } = orExpression(recordOf(schema), definition)
  return { anyOf: [whole, expression], ...(description === undefined ? {} : { description }) }
}

function mapValues(map: JsonSchema, change: (value: unknown) => unknown): JsonSchema {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]))
}
