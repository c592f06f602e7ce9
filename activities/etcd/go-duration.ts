/** Durations as Go's flags write them, `1h30m` or `100ms`. Source: Go's `time.ParseDuration`. */

const units: readonly (readonly [unit: string, nanoseconds: number])[] = [
  ['h', 3.6e12],
  ['m', 6e10],
  ['s', 1e9],
  ['ms', 1e6],
  ['us', 1e3],
  ['µs', 1e3],
  ['ns', 1],
]

/** Whole nanoseconds; `undefined` when it is no duration. */
export function nanoseconds(text: string): number | undefined {
  if (text === '0') return 0
  if (!/^(?:\d+(?:\.\d+)?(?:h|ms|m|s|us|µs|ns))+$/.test(text)) return undefined
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s)/g)
  const sum = [...parts].reduce((total, [, count, unit]) => total + Number(count) * factorOf(unit ?? ''), 0)
  const whole = Math.round(sum)
  return Number.isSafeInteger(whole) ? whole : undefined
}

/** In the largest unit that says it in whole numbers. */
export function durationText(ns: number): string {
  if (ns === 0) return '0s'
  const [unit = 'ns', factor = 1] = units.find(([, size]) => ns % size === 0) ?? []
  return `${ns / factor}${unit}`
}

function factorOf(unit: string): number {
  return units.find(([name]) => name === unit)?.[1] ?? 1
}
