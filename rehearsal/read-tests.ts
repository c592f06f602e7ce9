import { checkShape } from '../dsl/check-shape.ts'
import type { Checked, Problem } from '../dsl/problem.ts'
import { readYaml } from '../dsl/read-yaml.ts'
import type { Source } from '../dsl/source.ts'
import { childOf, type YamlNode } from '../dsl/yaml-node.ts'
import type { z } from 'zod'
import { caseSchema, type TestCase, testFileSchema } from './test-schema.ts'

export interface TestFile {
  readonly source: Source
  readonly root: YamlNode
  /** The runbook's file as it is written; nothing when it is the one beside. */
  readonly runbook: string | undefined
  readonly inputs: TestCase['inputs']
  readonly given: TestCase['given']
  readonly tests: readonly Test[]
}

export interface Test extends TestCase {
  readonly node: YamlNode
}

/** Reads the shape of a test file; all that is wrong is said at once. Never throws. */
export function readTests(file: string, text: string): Checked<TestFile> {
  const yaml = readYaml(file, text)
  if (!yaml.ok) return yaml
  const { source, root } = yaml.value
  const shaped = checkShape(source, root, testFileSchema, 'a test file')
  const list = childOf(root, 'tests')
  const nodes = list?.kind === 'list' ? list.items : []
  const tests = nodes.map((node) => ({ node, shaped: checkShape(source, node, caseSchema, 'a test') }))
  const problems = [...problemsOf(shaped), ...tests.flatMap((test) => problemsOf(test.shaped))]
  if (!shaped.ok || problems.length > 0) return { ok: false, problems }
  const { runbook, inputs, given } = shaped.value
  const sound = tests.flatMap(({ node, shaped: one }) => (one.ok ? [{ ...one.value, node }] : []))
  return { ok: true, value: { source, root, runbook, inputs, given, tests: sound } }
}

const problemsOf = (shaped: ReturnType<typeof checkShape<z.ZodType>>): readonly Problem[] =>
  shaped.ok ? [] : shaped.problems
