import type { ActionCall } from '../workflows/ports.ts'
import { meansStep } from './step-names.ts'

/** An action or a step, with as many of the call's arguments as a test names. */
export interface ExpectedCall {
  readonly name: string
  readonly with: Readonly<Record<string, unknown>>
}

export function expectedCall(item: unknown): ExpectedCall {
  if (typeof item === 'string') return { name: item, with: {} }
  const [[name, args] = ['', {}]] = Object.entries(isMap(item) ? item : {})
  return { name, with: isMap(args) ? args : {} }
}

export function isCall({ name, with: args }: ExpectedCall, call: ActionCall): boolean {
  return (name === call.action || meansStep(name, call.step)) && has(call.with, args)
}

/** Whether a value has all that is expected: of maps the keys that are named, lists and all else as they are. */
export function has(actual: unknown, expected: unknown): boolean {
  if (isMap(expected)) {
    return (
      isMap(actual) &&
      Object.entries(expected).every(([key, value]) => Object.hasOwn(actual, key) && has(actual[key], value))
    )
  }
  if (Array.isArray(expected)) {
    return (
      Array.isArray(actual) &&
      actual.length === expected.length &&
      expected.every((item, index) => has(actual[index], item))
    )
  }
  return actual === expected
}

export const expectedText = ({ name, with: args }: ExpectedCall): string =>
  Object.keys(args).length === 0 ? name : `${name} ${flow(args)}`

/** `service.stop { cluster: demo, host: host-1 }   at members[etcd-1]/stop` */
export const callText = ({ action, with: args, step, gate }: ActionCall): string =>
  `${gate ? 'gate ' : ''}${action} ${flow(args)}   at ${step}`

const widest = 160

/** As YAML would have it on one line. */
export function flow(value: unknown): string {
  const text = written(value)
  return text.length > widest ? `${text.slice(0, widest - 1)}…` : text
}

function written(value: unknown): string {
  if (typeof value === 'string') return /^[\w./:-]+( [\w./:-]+)*$/.test(value) ? value : JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(written).join(', ')}]`
  if (!isMap(value)) return JSON.stringify(value) ?? 'nothing'
  const entries = Object.entries(value).map(([key, item]) => `${key}: ${written(item)}`)
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
