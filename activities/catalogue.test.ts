import { expect, test } from '@jest/globals'
import { recordOf } from '../dsl/check-shape.ts'
import { catalogue } from './catalogue.ts'
import { InputError } from './failure.ts'

const actions = [...catalogue.values()].map((action) => [action.name, action] as const)

test.each(actions)('the example of %s is an input it takes', (_name, action) => {
  expect(() => action.prepare(action.example)).not.toThrow()
})

test.each(actions)('%s describes itself and every field', (name, action) => {
  expect(name).toMatch(/^[a-z]+(\.[a-z]+[A-Za-z]*)+$/)
  expect(action.doc).toMatch(/\.$/)
  expect(undescribed(action.input)).toEqual([])
  expect(undescribed(action.output)).toEqual([])
  expect(Object.keys(properties(action.input))).toEqual(expect.arrayContaining([...action.subject]))
})

test.each(actions)('%s names its cluster and whom it takes out of service, if anybody', (_name, action) => {
  expect(action.prepare(action.example).disrupts !== undefined).toBe(action.effect === 'disrupt')
})

test.each(actions)(
  '%s gives no text that a test of a runbook would take for a failure',
  (_name, { output }) => {
    const texts = Object.entries(properties(output)).filter(
      ([, field]) => recordOf(field)['type'] === 'string',
    )
    expect(
      texts.map(([name]) => name).filter((name) => ['fails', 'refused', 'unknown'].includes(name)),
    ).toEqual([])
  },
)

test('every wrong field of an input is named', () => {
  const wrong = () => catalogue.get('service.stop')?.prepare({ cluster: 1, hosts: 'h1' })
  expect(wrong).toThrow(InputError)
  expect(wrong).toThrow(/service\.stop cannot run with this input: cluster: .*; host: .*; input: .*hosts/)
})

function properties(schema: unknown): Readonly<Record<string, unknown>> {
  if (typeof schema !== 'object' || schema === null || !('properties' in schema)) return {}
  return schema.properties as Record<string, unknown>
}

function undescribed(schema: unknown): string[] {
  return Object.entries(properties(schema)).flatMap(([name, field]) => {
    const described = typeof field === 'object' && field !== null && 'description' in field
    return described ? [] : [name]
  })
}
