/**
 * How a secret may look in a text: as it is, and as it is after base64, percent, JSON, shell or hex encoding, of it
 * alone or in the middle of something. Longest first, each once.
 */
export function disguises(value: string): readonly string[] {
  const bytes = Buffer.from(value)
  const percent = percentEncoded(value)
  const all = [
    value,
    JSON.stringify(value).slice(1, -1),
    JSON.stringify(JSON.stringify(value).slice(1, -1)).slice(1, -1),
    value.replaceAll("'", String.raw`'\''`),
    encodeURIComponent(safe(value)),
    percent,
    percent.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
    percent.replaceAll('%20', '+'),
    encodeURI(safe(value)),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    ...[0, 1, 2].flatMap((before) => base64Cores(bytes, before)),
  ]
  return [...new Set(all)].filter((one) => one.length >= leastLength).toSorted((a, b) => b.length - a.length)
}

/** Shorter ones are not looked for: they stand in too much that is no secret. */
export const leastLength = 6

/** Lone surrogates cannot be percent-encoded. */
const safe = (value: string): string => Buffer.from(value).toString()

/** RFC 3986: also what `encodeURIComponent` leaves alone, because others do not. */
const percentEncoded = (value: string): string =>
  encodeURIComponent(safe(value)).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )

/** What base64 makes of the bytes wherever they stand: without the characters that depend on what is beside them. */
function base64Cores(bytes: Buffer, before: number): readonly string[] {
  const text = Buffer.concat([Buffer.alloc(before), bytes])
    .toString('base64')
    .replace(/=+$/, '')
  const whole = Math.floor(((before + bytes.length) * 8) / 6)
  const core = text.slice(Math.ceil((before * 8) / 6), whole)
  return [core, core.replaceAll('+', '-').replaceAll('/', '_')]
}
