/**
 * Settings of etcd in a text that holds other things too. They are called by etcd's flags without dashes
 * (`initial-cluster`), whatever the text calls them.
 */

/** A value, or null to take the setting out. */
export type SettingChanges = Readonly<Record<string, string | null>>

/** Words of a text put in place of a range of it. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** One place in a text that gives a setting its value. */
export interface Slot {
  readonly flag: string
  readonly value: string
  readonly write: (value: string) => Edit
  readonly drop: Edit
}

/** A text as one of the formats reads it. */
export interface SettingsText {
  /** In the order of their weight: of a setting given twice the last counts. */
  readonly slots: readonly Slot[]
  /** Puts in settings that have no slot yet. */
  readonly add: (missing: readonly Setting[]) => readonly Edit[]
}

export type Setting = readonly [flag: string, value: string]

export function settingsOf({ slots }: SettingsText): ReadonlyMap<string, string> {
  return new Map(slots.map(({ flag, value }) => [flag, value]))
}

/** The text with its settings changed; all else stays byte for byte. */
export function changed(text: string, { slots, add }: SettingsText, changes: SettingChanges): string {
  const present = new Set(slots.map(({ flag }) => flag))
  const missing = Object.entries(changes).filter(
    (change): change is [string, string] => change[1] !== null && !present.has(change[0]),
  )
  const edits = slots.flatMap((slot) => {
    const value = changes[slot.flag]
    if (value === undefined || value === slot.value) return []
    return [value === null ? slot.drop : slot.write(value)]
  })
  return spliced(text, [...edits, ...(missing.length > 0 ? add(missing) : [])])
}

export function spliced(text: string, edits: readonly Edit[]): string {
  const backwards = edits.toSorted((a, b) => b.start - a.start || b.end - a.end)
  return backwards.reduce(
    (result, edit) => result.slice(0, edit.start) + edit.text + result.slice(edit.end),
    text,
  )
}

/** `ETCD_INITIAL_CLUSTER` for `initial-cluster`. */
export function variableOf(flag: string): string {
  return `ETCD_${flag.toUpperCase().replaceAll('-', '_')}`
}

/** The opposite; `undefined` for a variable that is no setting of etcd. */
export function flagOf(variable: string): string | undefined {
  const [, name] = /^ETCD_([A-Z0-9_]+)$/.exec(variable) ?? []
  return name?.toLowerCase().replaceAll('_', '-')
}
