import type { AuditEvent } from './event.ts'

/**
 * What stands beside an event's text so that it can be found: copies, which verification compares with the text.
 * `words` is what a search for text looks through, in lower case; only events that a list shows have it.
 */
export interface EventColumns {
  readonly run: string
  readonly seq: number
  readonly id: string
  readonly workflow: string
  readonly name: string
  readonly at: string
  readonly person: string | null
  readonly runbook: string | null
  readonly cluster: string | null
  readonly outcome: string | null
  readonly words: string | null
}

export function columnsOf(event: AuditEvent): EventColumns {
  const { run, seq, id, workflow, name, at } = event
  const found = facets(event)
  return {
    run: plain(run),
    seq,
    id: plain(id),
    workflow: plain(workflow),
    name,
    at: plain(at),
    person: plainOrNull(found.person),
    runbook: plainOrNull(found.runbook),
    cluster: plainOrNull(found.cluster),
    outcome: plainOrNull(found.outcome),
    words: plainOrNull(
      found.words
        ?.filter((word) => word !== undefined)
        .join('\n')
        .toLowerCase(),
    ),
  }
}

/** Digests of the blobs an event refers to, each once. */
export function blobsOf(event: AuditEvent): string[] {
  return [...new Set(digests(event).filter((digest) => digest !== undefined))]
}

function digests(event: AuditEvent): readonly (string | undefined)[] {
  if (event.name === 'run.began') return [event.data.program]
  if (event.name === 'history.copied') return event.data.executions.map(({ blob }) => blob)
  if ('stdout' in event.data) return [event.data.stdout.blob, event.data.stderr.blob]
  return []
}

interface Facets {
  readonly person?: string | undefined
  readonly runbook?: string
  readonly cluster?: string | undefined
  readonly outcome?: string
  readonly words?: readonly (string | undefined)[]
}

function facets(event: AuditEvent): Facets {
  if (event.name === 'run.began') {
    const { by, runbook, cluster, reason } = event.data
    return { person: by, runbook, cluster, words: [event.workflow, runbook, cluster, reason] }
  }
  if (event.name === 'run.refused') {
    const { by, runbook, reason } = event.data
    return { person: by, runbook, words: [event.workflow, runbook, reason] }
  }
  if (event.name === 'run.ended') return { outcome: event.data.outcome, words: [event.data.message] }
  if (event.name === 'person.decided' || event.name === 'person.refused')
    return { person: personOf(event.data.entry) }
  return {}
}

function personOf(entry: unknown): string | undefined {
  if (typeof entry !== 'object' || entry === null || !('by' in entry)) return undefined
  return typeof entry.by === 'string' ? entry.by : undefined
}

/** What every store can keep as text: no NUL, no half of a surrogate pair. The event's own text has them escaped. */
function plain(text: string): string {
  return Buffer.from(text).toString().replaceAll('\0', '\uFFFD')
}

function plainOrNull(text: string | undefined): string | null {
  return text === undefined ? null : plain(text)
}
