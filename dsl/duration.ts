const durationUnits = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const
const byteUnits: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
}

const durationShape =
  /^(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m(?!s))?(?:(\d{1,9}(?:\.\d{1,3})?)s)?(?:(\d{1,12})ms)?$/
const bytesShape = /^(\d{1,16}(?:\.\d{1,6})?) ?([A-Za-z]{1,3})$/

/** `1m30s`, `500ms`, `1.5s`, `2h` to whole milliseconds; nothing when it is no duration. */
export function parseDuration(text: string): number | undefined {
  const parts = text === '' ? null : durationShape.exec(text)
  if (parts === null) return undefined
  const units = Object.values(durationUnits)
  const ms = units.reduce((sum, unit, index) => sum + Number(parts[index + 1] ?? 0) * unit, 0)
  const whole = Math.round(ms)
  return Number.isSafeInteger(whole) ? whole : undefined
}

/** The shortest text that `parseDuration` reads back as the same number; `0s` for none. Whole, not negative. */
export function durationText(ms: number): string {
  let left = Math.round(Math.abs(ms))
  let text = ''
  for (const [unit, size] of Object.entries(durationUnits)) {
    const count = Math.floor(left / size)
    left -= count * size
    if (count > 0) text += `${count}${unit}`
  }
  return text === '' ? '0s' : `${ms < 0 ? '-' : ''}${text}`
}

/** `64MiB`, `10GB`, `512B` to whole bytes; nothing when it is no size. */
export function parseBytes(text: string): number | undefined {
  const parts = bytesShape.exec(text)
  const unit = byteUnits[parts?.[2] ?? '']
  if (parts === null || unit === undefined) return undefined
  const bytes = Math.round(Number(parts[1]) * unit)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/** For people: `1.2 GiB`, at most one decimal, so it does not always read back as the same number. */
export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  let value = Math.abs(bytes)
  let unit = 0
  while (value >= 1023.5 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  const digits = unit === 0 || value >= 99.95 ? Math.round(value) : Math.round(value * 10) / 10
  return `${bytes < 0 ? '-' : ''}${digits} ${units[unit]}`
}
