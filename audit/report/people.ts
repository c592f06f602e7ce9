import type { Decided, EvidenceEntry } from '../../workflows/evidence-entry.ts'
import type { AuditEvent } from '../event.ts'
import { momentOf } from './attempts.ts'
import type { AnswerOfPerson, DecisionReport } from './model.ts'

type Open = { -readonly [Key in keyof DecisionReport]: DecisionReport[Key] } & { answers: AnswerOfPerson[] }

/** Joins what people were asked with what they answered. */
export function peopleCollector() {
  const asked = new Map<number, Open>()
  const all: Open[] = []
  const about = (ask: number | undefined, step?: string): Open => {
    const known = ask === undefined ? undefined : asked.get(ask)
    if (known !== undefined) return known
    const fresh: Open = {
      ...(ask === undefined ? {} : { ask }),
      ...(step === undefined ? {} : { step }),
      answers: [],
    }
    all.push(fresh)
    if (ask !== undefined) asked.set(ask, fresh)
    return fresh
  }
  return {
    all: (): readonly DecisionReport[] => all,
    add(event: Extract<AuditEvent, { name: `person.${string}` }>): void {
      const entry = entryOf(event.data.entry)
      if (entry === undefined) return
      const atMs = momentOf(entry)
      switch (entry.kind) {
        case 'asked': {
          const { ask, step, summary, what, message, by: roles, people } = entry
          Object.assign(about(ask, step), {
            ...{ summary, what, message, askedMs: atMs },
            ...(roles === undefined ? {} : { roles }),
            ...(people === undefined ? {} : { people }),
          })
          return
        }
        case 'decision': {
          const one = about(entry.ask, entry.step)
          one.answers.push(answerOf(entry, atMs))
          if (entry.outcome === 'accepted') one.settledMs = atMs
          return
        }
        case 'expired': {
          const one = about(entry.ask)
          one.unanswered = entry.message
          one.settledMs = atMs
          return
        }
        case 'cancel':
      }
    },
  }
}

function answerOf(entry: Decided, atMs: number): AnswerOfPerson {
  const { decision, outcome, by, door, identity, comment, why } = entry
  return {
    ...{ atMs, decision, by, door, comment, accepted: outcome === 'accepted' },
    ...(identity === undefined ? {} : { identity }),
    ...(why === undefined ? {} : { why }),
  }
}

/** It was written by our own worker: its kind is enough to know it by. */
function entryOf(entry: unknown): EvidenceEntry | undefined {
  return typeof entry === 'object' && entry !== null && 'kind' in entry && 'at' in entry
    ? // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
      (entry as EvidenceEntry)
    : undefined
}
