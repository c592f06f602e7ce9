import { expect, test } from '@jest/globals'
import { recordOf } from './check-shape.ts'
import { inventoryJsonSchema, policyJsonSchema, runbookJsonSchema } from './json-schema.ts'
import { decisionNames } from './decision-names.ts'
import { sampleCatalogue } from './sample-catalogue.ts'

const schema = runbookJsonSchema(sampleCatalogue)
const definitions = recordOf(schema['definitions'])

const choices = (kind: string, key: string): readonly unknown[] => {
  const { anyOf } = recordOf(recordOf(recordOf(definitions[kind])['properties'])[key])
  return Array.isArray(anyOf) ? anyOf.map((choice) => recordOf(choice)['const']) : []
}

test('a uses step chooses among all actions, a gate among those that read', () => {
  expect(choices('step.uses', 'uses')).toEqual([...sampleCatalogue.keys()].toSorted())
  expect(choices('step.gate', 'gate')).toEqual(['etcd.inspect'])
})

test("each action's inputs hang on its name, and take expressions too", () => {
  const { allOf } = recordOf(definitions['step.uses'])
  expect(allOf).toContainEqual({
    if: { type: 'object', properties: { uses: { pattern: '^dir\\.copy$' } }, required: ['uses'] },
    // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
    then: { properties: { with: { $ref: '#/definitions/with.dir.copy' } }, required: ['with'] },
  })
  expect(recordOf(definitions['with.dir.copy'])).toMatchObject({
    required: ['from', 'to'],
    additionalProperties: false,
    properties: {
      limit: {
        anyOf: [
          { type: 'integer', minimum: 1 },
          { type: 'string', pattern: '\\$\\{\\{' },
        ],
      },
    },
  })
})

test('every reference points at something', () => {
  const references = [...JSON.stringify(schema).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(
    ([, path = '']) => path,
  )
  const dangling = references.filter(
    (path) => path.split('/').reduce<unknown>((at, key) => recordOf(at)[key], schema) === undefined,
  )
  expect({ count: references.length > 5, dangling }).toEqual({ count: true, dangling: [] })
})

test('an inventory has one too', () => {
  expect(Object.keys(recordOf(inventoryJsonSchema()['properties']))).toEqual([
    'inventory',
    'defaults',
    'hosts',
    'clusters',
  ])
})

test('a policy has one too, with every decision in it', () => {
  const { roles, decisions } = recordOf(policyJsonSchema()['properties'])
  expect(recordOf(roles)).toMatchObject({
    type: 'object',
    additionalProperties: { type: 'array', minItems: 1 },
  })
  expect(Object.keys(recordOf(recordOf(decisions)['properties']))).toEqual([...decisionNames])
})
