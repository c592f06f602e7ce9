/**
 * Histories as readable JSON. The SDK's own `historyToJSON` (1.24) throws "type must be a Type" wherever npm
 * gives its packages different copies of protobufjs, as it does here; this can go once that works.
 */

/** Without what tells of the machine a history was recorded on. */
export function historyAsJson(part: unknown): unknown {
  if (part instanceof Uint8Array) return { $text: Buffer.from(part).toString('utf8') }
  if (Array.isArray(part)) return part.map(historyAsJson)
  if (typeof part !== 'object' || part === null) return part
  if ('toNumber' in part && typeof part.toNumber === 'function') return Number(part.toNumber())
  const entries = Object.entries(part).filter(([key, value]) => !machine.has(key) && value !== null)
  return Object.fromEntries(entries.map(([key, value]) => [key, key === 'identity' ? 'recorded' : historyAsJson(value)]))
}

const machine = new Set(['stackTrace', 'binaryChecksum', 'workerVersion'])

export function historyFromJson(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(historyFromJson)
  if (typeof part !== 'object' || part === null) return part
  if ('$text' in part && typeof part.$text === 'string') return Buffer.from(part.$text, 'utf8')
  return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, historyFromJson(value)]))
}
