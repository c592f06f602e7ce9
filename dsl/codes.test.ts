import { expect, test } from '@jest/globals'
import { readdirSync, readFileSync } from 'node:fs'
import { codes, codesMarkdown } from './codes.ts'

const sources = readdirSync('dsl').filter((name) => name.endsWith('.ts') && name !== 'codes.ts')
const used = new Set(
  sources
    .flatMap((name) => readFileSync(`dsl/${name}`, 'utf8').match(/'[A-Z][A-Z_]+'/g) ?? [])
    .map((quoted) => quoted.slice(1, -1)),
)

test('every code of the catalogue is given by something', () => {
  expect(Object.keys(codes).filter((code) => !used.has(code))).toEqual([])
})

test('the reference has a section for each code', () => {
  const sections = codesMarkdown().match(/^## (.+)$/gm) ?? []
  expect(sections.map((line) => line.slice(3))).toEqual(Object.keys(codes))
})
