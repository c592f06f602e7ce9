import { expect, test } from '@jest/globals'
import { transformFileSync } from '@swc/core'
import { createRequire } from 'node:module'
import { dirname, resolve } from 'node:path'
import { createContext, Script } from 'node:vm'

const real = createRequire(resolve('dsl/expression.ts'))

/** Loads a module and all it imports into a context without anything of Node, as Temporal's sandbox has it. */
function loadBare(file: string): Readonly<Record<string, unknown>> {
  const context = createContext({ TextEncoder, TextDecoder })
  const loaded = new Map<string, Readonly<Record<string, unknown>>>()
  const load = (path: string): Readonly<Record<string, unknown>> => {
    const known = loaded.get(path)
    if (known !== undefined) return known
    const exports = {}
    loaded.set(path, exports)
    const { code } = transformFileSync(path, {
      jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
      module: { type: 'commonjs' },
    })
    const require = (name: string) =>
      load(name.startsWith('.') ? resolve(dirname(path), name) : real.resolve(name))
    const script = new Script(`(exports, require) => { ${code}\n}`, { filename: path })
    script.runInContext(context)(exports, require)
    return exports
  }
  return load(resolve(file))
}

test('expressions are worked out without Node', () => {
  const { evaluate } = loadBare('dsl/expression.ts')
  const expression = {
    source: 'x.filter(m, m.lag < 3 && m.name.matches("^a")).sortedBy(m, m.name).map(m, asDuration(m.lag))',
    at: { line: 1, column: 1 },
    roots: ['x'],
  }
  const x = [
    { name: 'ab', lag: 2 },
    { name: 'aa', lag: 1 },
    { name: 'b', lag: 0 },
  ]
  const value: unknown = typeof evaluate === 'function' ? evaluate(expression, { x }) : undefined
  expect(JSON.stringify(value)).toBe('["1ms","2ms"]')
})
