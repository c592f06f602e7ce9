/** Moments and lengths of time as reports say them; all of it UTC. */

const iso = (ms: number): string => {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? new Date(0).toISOString() : date.toISOString()
}

/** `2026-03-02 04:05:06` */
export const moment = (ms: number): string => iso(ms).slice(0, 19).replace('T', ' ')

/** `04:05:06.789` */
export const clock = (ms: number): string => iso(ms).slice(11, 23)

/** `12 ms`, `3.4 s`, `5 min 12 s`, `2 h 05 min`, `3 d 4 h`. */
export function lasted(ms: number): string {
  if (!Number.isFinite(ms)) return '?'
  if (ms < 0) return `−${lasted(-ms)}`
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  const [minutes, hours, days] = [wholes(seconds, 60), wholes(seconds, 3600), wholes(seconds, 86_400)]
  const two = (value: number) => String(value).padStart(2, '0')
  if (hours < 1) return `${minutes} min ${two(seconds % 60)} s`
  if (days < 1) return `${hours} h ${two(minutes % 60)} min`
  return `${days} d ${hours % 24} h`
}

const wholes = (seconds: number, unit: number): number => Math.floor(seconds / unit)

/** `1,234` */
export const grouped = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ',')

/** `1 event`, `1,234 events` */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${grouped(count)} ${count === 1 ? one : many}`
