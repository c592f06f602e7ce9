import type { EvidenceEntry, Noted } from './evidence-entry.ts'

/** What one execution hands on to the next. */
export interface CarriedJournal {
  readonly entries: readonly EvidenceEntry[]
  /** The number of the newest entry. */
  readonly last: number
  readonly refused: number
}

/** Travels through every continue-as-new, so it is bounded; what is older is in the worker's evidence. */
const mostKept = 400

/** What was asked and decided in a run, in order. */
export class Journal {
  #entries: readonly EvidenceEntry[]
  #last: number
  #refused: number
  #written: number

  constructor({ entries, last, refused }: CarriedJournal = { entries: [], last: 0, refused: 0 }) {
    this.#entries = entries
    this.#last = last
    this.#refused = refused
    this.#written = last
  }

  note(noted: Noted, atMs: number): void {
    const entry: EvidenceEntry = { number: ++this.#last, at: new Date(atMs).toISOString(), ...noted }
    this.#entries = [...this.#entries, entry].slice(-mostKept)
    if (noted.kind === 'decision' && noted.outcome === 'refused') this.#refused++
  }

  get entries(): readonly EvidenceEntry[] {
    return this.#entries
  }

  get leftOut(): number {
    return this.#last - this.#entries.length
  }

  /** Decisions that were refused. */
  get refused(): number {
    return this.#refused
  }

  get unwritten(): readonly EvidenceEntry[] {
    return this.#entries.filter(({ number }) => number > this.#written)
  }

  /** Everything up to this number is in the worker's evidence. */
  wrote(number: number): void {
    this.#written = number
  }

  carried(): CarriedJournal {
    return { entries: this.#entries, last: this.#last, refused: this.#refused }
  }
}
