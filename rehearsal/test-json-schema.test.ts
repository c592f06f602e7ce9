import { expect, test } from '@jest/globals'
import { recordOf } from '../dsl/check-shape.ts'
import { sampleCatalogue } from '../dsl/sample-catalogue.ts'
import { testJsonSchema } from './test-json-schema.ts'

const schema = testJsonSchema(sampleCatalogue)
const definitions = recordOf(schema['definitions'])

test('answers have the fields of their action, none of them needed', () => {
  const answers = recordOf(recordOf(definitions['given'])['properties'])
  expect(Object.keys(answers)).toEqual([...sampleCatalogue.keys()].toSorted())
  expect(definitions['gives.service.start']).toMatchObject({ properties: { pid: { type: 'integer' } } })
  expect(JSON.stringify(definitions['gives.etcd.inspect'])).not.toContain('"required"')
})

test('every reference points at something', () => {
  const references = [...JSON.stringify(schema).matchAll(/"\$ref":"#\/definitions\/([^"]+)"/g)].map(
    ([, name = '']) => name,
  )
  expect(references.length).toBeGreaterThan(10)
  expect(references.filter((name) => definitions[name] === undefined)).toEqual([])
})
