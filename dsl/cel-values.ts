import type { Json } from './program.ts'

/** JSON to CEL and back. Objects become Maps, so that no key of theirs can be taken for JavaScript's own. */
export type CelValue =
  null | boolean | number | bigint | string | readonly CelValue[] | ReadonlyMap<string, CelValue>

/** Which parts of a value are floating by their type, as a tree of the paths in `Expression.doubles`. */
export interface DoubleTree {
  readonly isDouble: boolean
  readonly children: ReadonlyMap<string, DoubleTree>
}

const none: DoubleTree = { isDouble: false, children: new Map() }

export function doubleTree(paths: readonly string[]): DoubleTree {
  const split = paths.map((path) => path.split('.'))
  return grow(split)
}

function grow(paths: readonly (readonly string[])[]): DoubleTree {
  const heads = new Set(paths.flatMap(([head]) => (head === undefined ? [] : [head])))
  const children = [...heads].map((head): readonly [string, DoubleTree] => [
    head,
    grow(paths.filter(([first]) => first === head).map((path) => path.slice(1))),
  ])
  return { isDouble: paths.some((path) => path.length === 0), children: new Map(children) }
}

export function childTree(tree: DoubleTree, key: string): DoubleTree {
  return tree.children.get(key) ?? tree.children.get('*') ?? none
}

/** What lists of one expression's variables may hold together, to the power of the loops inside one another. */
export interface Budget {
  readonly longestList: number
  items: number
}

const mostWork = 1_000_000
const mostItems = 200_000

export function budgetFor(loops: number): Budget {
  return { longestList: Math.floor(mostWork ** (1 / Math.max(1, loops))) + 1, items: mostItems }
}

/** Whole numbers become `int`s unless the tree says that they are floating. Throws when it is too much. */
export function toCel(value: Json, tree: DoubleTree, budget: Budget): CelValue {
  if (budget.items-- <= 0) throw new Error(`the values it reads have more than ${mostItems} parts`)
  if (typeof value === 'number') return Number.isSafeInteger(value) && !tree.isDouble ? BigInt(value) : value
  if (value === null || typeof value !== 'object') return value
  if (isList(value)) {
    if (value.length > budget.longestList)
      throw new Error(`a list of ${value.length} items is too long for it`)
    // Not `value.map`: of an array from another realm it makes another such, which cel-js does not know.
    return Array.from(value, (item) => toCel(item, childTree(tree, '*'), budget))
  }
  return new Map(Object.entries(value).map(([key, item]) => [key, toCel(item, childTree(tree, key), budget)]))
}

function isList(value: readonly Json[] | { readonly [key: string]: Json }): value is readonly Json[] {
  return Array.isArray(value)
}

/** `int`s become numbers. Throws for what JSON cannot say: infinities, whole numbers beyond 2^53, times, bytes. */
export function fromCel(value: unknown): Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') return finite(value)
  if (typeof value === 'bigint') return exact(value)
  if (Array.isArray(value)) return value.map(fromCel)
  if (value instanceof Map) return fromEntries([...value])
  if (isPlainObject(value)) return fromEntries(Object.entries(value))
  throw new Error('its value is no text, number, bool, list or map')
}

function finite(value: number): number {
  if (!Number.isFinite(value)) throw new Error(`its value is ${value}`)
  return Object.is(value, -0) ? 0 : value
}

function exact(value: bigint): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw new Error(`its value ${value} is beyond what JSON keeps exactly`)
  return number
}

function fromEntries(entries: readonly (readonly [unknown, unknown])[]): Json {
  return Object.fromEntries(entries.map(([key, value]) => [String(key), fromCel(value)]))
}

function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}
