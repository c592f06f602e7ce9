import type { Archive } from './archive.ts'
import { anchorFile } from './anchor-file.ts'
import { anchorSyslog } from './anchor-syslog.ts'
import { messageOf } from './failure.ts'
import { type StoredCheckpoint, StoreError } from './store.ts'

/** Where checkpoints are handed to, so that who may write the record cannot also write what is compared with it. */
export interface AnchorPlace {
  /** As its setting names it. */
  readonly name: string
  /** The number of the last checkpoint it has; throws when it holds those of another record. */
  last(archive: Archive): Promise<number>
  /** Resolves when it has them. They may come more than once. */
  put(checkpoints: readonly StoredCheckpoint[]): Promise<void>
}

export interface Anchors {
  /**
   * Hands on every checkpoint that a place does not have yet, also what could not be handed on before. Returns a
   * sentence for each place that could not take them; never throws for that.
   */
  publish(archive: Archive): Promise<readonly string[]>
}

/**
 * Places as a setting names them, with commas between: `file:/mnt/audit/anchors.log`, `syslog:` for this machine's,
 * `syslog:udp://HOST:514`. Throws `StoreError` for what is none of these.
 */
export function openAnchors(setting: string): Anchors {
  const places = setting
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(placeOf)
  return {
    publish: async (archive) =>
      (await Promise.all(places.map((place) => publishTo(place, archive)))).filter(
        (problem) => problem !== undefined,
      ),
  }
}

function placeOf(setting: string): AnchorPlace {
  const [, kind, where = ''] = /^(file|syslog):(.*)$/.exec(setting) ?? []
  if (kind === 'file' && where.startsWith('/')) return anchorFile(where)
  const syslog = kind === 'syslog' ? anchorSyslog(where) : undefined
  if (syslog !== undefined) return syslog
  throw new StoreError(
    `"${setting}" is no place for anchors: give file:/ABSOLUTE/PATH, syslog: or syslog:udp://HOST:PORT.`,
  )
}

async function publishTo(place: AnchorPlace, archive: Archive): Promise<string | undefined> {
  try {
    const last = await place.last(archive)
    let waiting: StoredCheckpoint[] = []
    for await (const checkpoint of archive.checkpoints(undefined, last)) {
      waiting.push(checkpoint)
      if (waiting.length < AT_ONCE) continue
      await place.put(waiting)
      waiting = []
    }
    if (waiting.length > 0) await place.put(waiting)
    return undefined
  } catch (error) {
    return `Checkpoints cannot be anchored at ${place.name}: ${messageOf(error)}. They are handed on with the next one.`
  }
}

const AT_ONCE = 100
