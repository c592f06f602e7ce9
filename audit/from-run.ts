import { canonicalText } from '../dsl/canonical.ts'
import { render } from '../dsl/expression.ts'
import type { Json } from '../dsl/program.ts'
import type { LoadedRun } from '../workflows/doors.ts'
import type { EvidenceEntry } from '../workflows/evidence-entry.ts'
import type { RunIdentity } from '../workflows/ports.ts'
import type { EventName, NewEvent } from './event.ts'

/** Events that are made from what a run itself keeps: the same, whether its worker writes them or they are found later. */

export type Whose = Pick<RunIdentity, 'id' | 'key'>

export interface Beginning {
  readonly whose: Whose
  readonly loaded: Pick<LoadedRun, 'program' | 'inputs' | 'hash' | 'by' | 'policy'>
  /** Digest of the blob with `programText`. */
  readonly program: string
  readonly at: string
  readonly reason?: string
}

/** What goes into the blob that `run.began` names. */
export function programText({ program }: Pick<LoadedRun, 'program'>): Uint8Array {
  return Buffer.from(canonicalText(program), 'utf8')
}

export function runBegan({ whose, loaded, program, at, reason }: Beginning): NewEvent {
  const { inputs, hash, by, policy } = loaded
  const cluster = clusterOf(loaded)
  return {
    ...{ run: whose.key, workflow: whose.id, id: 'run.began', at, name: 'run.began' },
    data: {
      ...{ runbook: loaded.program.name, title: loaded.program.title, hash, program, inputs, by },
      ...(reason === undefined || reason === '' ? {} : { reason }),
      ...(cluster === undefined ? {} : { cluster }),
      ...(policy === undefined ? {} : { policy: asJson(policy) }),
    },
  }
}

/** What was asked, answered or refused, by its number in the run. */
export function saidEvent(whose: Whose, entry: EvidenceEntry): NewEvent {
  const step = 'step' in entry && entry.step !== undefined ? { step: entry.step } : {}
  return {
    ...{ run: whose.key, workflow: whose.id, id: `said/${entry.number}`, at: entry.at },
    ...{ name: nameOf(entry), ...step, data: { entry: asJson(entry) } },
  }
}

type Said = Extract<EventName, `person.${string}` | 'run.cancelAsked'>

function nameOf(entry: EvidenceEntry): Said {
  switch (entry.kind) {
    case 'asked':
      return 'person.asked'
    case 'decision':
      return entry.outcome === 'accepted' ? 'person.decided' : 'person.refused'
    case 'expired':
      return 'person.unanswered'
    case 'cancel':
      return 'run.cancelAsked'
  }
}

function clusterOf({ program, inputs }: Beginning['loaded']): string | undefined {
  if (program.cluster === undefined) return undefined
  try {
    const name = render(program.cluster, { inputs, vars: {}, steps: {} })
    return typeof name === 'string' && name !== '' ? name : undefined
  } catch {
    return undefined
  }
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it came as JSON or goes out as such
const asJson = (value: unknown): Json => JSON.parse(JSON.stringify(value)) as Json
