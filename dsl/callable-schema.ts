import type { JsonSchema } from './action-spec.ts'
import { bytesText, durationText } from './duration.ts'
import type { InputSpec, Json, Program } from './program.ts'
import { valueOrExpression } from './schema-or-expression.ts'

/** What a runbook that is called takes in `with`, as JSON Schema. */
export function callableSchema({ name, title, inputs }: Program): JsonSchema {
  const properties = Object.entries(inputs).map(
    ([input, spec]) => [input, valueOrExpression(inputSchemaOf(spec), `call.${name}`)] as const,
  )
  const required = Object.entries(inputs).flatMap(([input, spec]) =>
    spec.required && spec.default === undefined ? [input] : [],
  )
  return {
    type: 'object',
    title: `inputs of ${name}`,
    description: `Inputs of ${name}: ${title}.`,
    properties: Object.fromEntries(properties),
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: false,
  }
}

function inputSchemaOf(spec: InputSpec): JsonSchema {
  const { type, description, default: value } = spec
  return {
    ...valueSchema(spec),
    description: description === '' ? `A ${type}.` : `${description} (${type})`,
    ...(value === undefined || value === null ? {} : { default: written(spec, value) }),
  }
}

/** Bounds and patterns are the linter's: they are said in units that an editor does not know. */
function valueSchema({ type, values }: InputSpec): JsonSchema {
  switch (type) {
    case 'integer':
      return { type: 'integer' }
    case 'boolean':
      return { type: 'boolean' }
    case 'duration':
    case 'bytes':
      return { type: ['string', 'integer'] }
    case 'list':
      return { anyOf: [{ type: 'array', items: { type: 'string' } }, { type: 'string' }] }
    case 'enum':
      return { enum: values ?? [] }
    case 'string':
    case 'cluster':
    case 'member':
    case 'host':
    case 'snapshot':
    case 'secret':
      return { type: 'string' }
  }
}

function written({ type }: InputSpec, value: Json): Json {
  if (typeof value !== 'number') return value
  if (type === 'duration') return durationText(value)
  return type === 'bytes' ? bytesText(value) : value
}
