import proto from '@temporalio/proto'
import type { Json } from '../../dsl/program.ts'

type History = proto.temporal.api.history.v1.IHistory

/**
 * A history as `temporal workflow show --output json` prints it, so that Temporal's own tools read it years later.
 * The SDK's `historyToJSON` (1.24) throws "type must be a Type" wherever npm gives its packages different copies
 * of protobufjs; this can go once that works. Source: the JSON mapping of Protocol Buffers 3.
 */
export function historyJson(history: History): Json {
  const { History } = proto.temporal.api.history.v1
  const plain: unknown = History.toObject(History.fromObject(history), {
    enums: String,
    longs: String,
    bytes: String,
  })
  return mapped('', plain)
}

const moments = /time$/i
const durations = /(timeout|interval|backoff|delay|ttl)$/i

function mapped(key: string, part: unknown): Json {
  if (Array.isArray(part)) return part.map((one) => mapped('', one))
  if (typeof part === 'object' && part !== null) {
    const map: Readonly<Record<string, unknown>> = { ...part }
    if (moments.test(key) && isPair(map)) return moment(map)
    if (durations.test(key) && isPair(map)) return duration(map)
    return Object.fromEntries(Object.entries(map).map(([name, value]) => [name, mapped(name, value)]))
  }
  if (typeof part === 'string' || typeof part === 'boolean') return part
  return typeof part === 'number' && Number.isFinite(part) ? part : String(part)
}

/** What times and durations are made of; what is zero is left out. */
const isPair = (map: Readonly<Record<string, unknown>>): boolean =>
  Object.keys(map).every((name) => name === 'seconds' || name === 'nanos')

function moment({ seconds = 0, nanos = 0 }: Readonly<Record<string, unknown>>): string {
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19)
  return `${whole}${fraction(Number(nanos))}Z`
}

function duration({ seconds = 0, nanos = 0 }: Readonly<Record<string, unknown>>): string {
  return `${Number(seconds)}${fraction(Number(nanos))}s`
}

/** None, or as many threes of digits as it takes. */
function fraction(nanos: number): string {
  if (nanos === 0) return ''
  const digits = String(nanos)
    .padStart(9, '0')
    .replace(/(000){1,2}$/, '')
  return `.${digits}`
}
