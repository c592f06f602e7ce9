import { z } from 'zod'
import type { ActionSpec, Catalogue, JsonSchema } from '../dsl/action-spec.ts'
import { recordOf } from '../dsl/check-shape.ts'
import { partial } from './partial-schema.ts'
import { caseSchema, decisionKinds, failureWords, testFileSchema, waitSchema } from './test-schema.ts'

/**
 * JSON Schema (draft 7, which editors understand) of a test file: answers by action with the action's own
 * fields, arguments of calls likewise. What names a step is left to `quorate test`, which knows the runbook.
 */
export function testJsonSchema(catalogue: Catalogue): JsonSchema {
  const actions = [...catalogue.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const file = fromZod(testFileSchema)
  const test = fromZod(caseSchema)
  const properties = recordOf(file['properties'])
  const given = { given: reference('given') }
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    ...file,
    description: 'Tests of a runbook of Quorate.',
    properties: {
      ...properties,
      ...given,
      tests: { ...recordOf(properties['tests']), items: reference('test') },
    },
    definitions: {
      test: testSchema(test, given),
      given: givenSchema(recordOf(properties['given']), actions),
      ...failures,
      decision: decisionSchema(),
      wait: fromZod(waitSchema),
      call: callSchema(actions),
      ...Object.fromEntries(actions.map((action) => [`gives.${action.name}`, answerSchema(action)])),
      ...Object.fromEntries(actions.map((action) => [`with.${action.name}`, partial(action.input)])),
    },
  }
}

function fromZod(schema: z.ZodType): JsonSchema {
  const { $schema: _top, ...whole } = z.toJSONSchema(schema, {
    target: 'draft-7',
    io: 'input',
    unrepresentable: 'any',
  })
  return whole
}

const reference = (definition: string): JsonSchema => ({ $ref: `#/definitions/${definition}` })

const oneOrMore = (schema: JsonSchema): JsonSchema => ({ anyOf: [schema, { type: 'array', items: schema }] })

function givenSchema(schema: JsonSchema, actions: readonly ActionSpec[]): JsonSchema {
  const byAction = actions.map(({ name, doc }) => {
    return [name, { description: doc, ...oneOrMore(reference(`gives.${name}`)) }] as const
  })
  return {
    ...schema,
    properties: Object.fromEntries(byAction),
    additionalProperties: oneOrMore({ type: 'object' }),
  }
}

function testSchema(schema: JsonSchema, given: JsonSchema): JsonSchema {
  const properties = recordOf(schema['properties'])
  const expected = recordOf(properties['expect'])
  const parts = recordOf(expected['properties'])
  const listsOf = (keys: readonly string[], definition: string) =>
    Object.fromEntries(keys.map((key) => [key, { ...recordOf(parts[key]), items: reference(definition) }]))
  return {
    ...schema,
    properties: {
      ...properties,
      ...given,
      decide: { ...recordOf(properties['decide']), items: reference('decision') },
      expect: {
        ...expected,
        properties: {
          ...parts,
          ...listsOf(['calls', 'changes', 'includes', 'never'], 'call'),
          waits: { ...recordOf(parts['waits']), items: { anyOf: [{ type: 'string' }, reference('wait')] } },
        },
      },
    },
  }
}

const failures: Readonly<Record<(typeof failureWords)[number], JsonSchema>> = {
  fails: {
    type: 'string',
    description: 'In place of an answer: it was tried and did not happen. The message.',
  },
  refused: {
    type: 'string',
    description: 'In place of an answer: a check or the engine said no beforehand. The message.',
  },
  unknown: { type: 'string', description: 'In place of an answer: it may have happened. The message.' },
}

/** Beside each other, though they never stand together: an editor offers what one list of keys holds. */
function answerSchema({ output }: ActionSpec): JsonSchema {
  const fields = partial(output)
  const words = failureWords.map((word) => [word, reference(word)] as const)
  return { ...fields, properties: { ...Object.fromEntries(words), ...recordOf(fields['properties']) } }
}

function decisionSchema(): JsonSchema {
  const words = decisionKinds.map(
    (kind) => [kind, { type: 'string', description: 'The step it is about.' }] as const,
  )
  const said = {
    by: { type: 'string', description: 'Who.' },
    comment: { type: 'string', description: 'What they say.' },
  }
  const properties = { ...Object.fromEntries(words), ...said }
  return { anyOf: [{ enum: decisionKinds }, { type: 'object', properties, additionalProperties: false }] }
}

function callSchema(actions: readonly ActionSpec[]): JsonSchema {
  const byAction = actions.map(({ name }) => [name, reference(`with.${name}`)] as const)
  return {
    anyOf: [
      { type: 'string' },
      {
        type: 'object',
        properties: Object.fromEntries(byAction),
        additionalProperties: { type: 'object' },
        maxProperties: 1,
      },
    ],
  }
}
