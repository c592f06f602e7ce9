import { type Answered, type Availability, unavailableFromMs } from '../../dsl/availability.ts'

export type RequestKind = 'writes' | 'reads'

/**
 * Counts requests and the time without an answer to any. A gap begins with the first request that was sent since the
 * last acknowledgement, and ends with the next; before the first acknowledgement there is none. `before` is
 * what a former probe of the same run had measured: the time since then was not.
 */
export interface Meter {
  asked(kind: RequestKind, atMs: number): void
  acknowledged(kind: RequestKind, atMs: number): void
  failed(kind: RequestKind, reason: string, message: string): void
  /** Nobody looked: what seems a gap is none. */
  missed(fromMs: number, toMs: number): void
  /** As if the watching ended at `atMs`: a gap that still lasts counts. */
  figures(atMs: number): Availability
  /** Requests were sent and none is answered for so long. */
  waitingMs(atMs: number): number
}

export function createMeter(cluster: string, startMs: number, before?: Availability): Meter {
  const kinds = { writes: createCounter(before?.writes), reads: createCounter(before?.reads) }
  const sinceMs = before?.sinceMs ?? startMs
  let notMeasuredMs = before === undefined ? 0 : before.notMeasuredMs + Math.max(0, startMs - before.untilMs)
  return {
    asked: (kind, atMs) => kinds[kind].asked(atMs),
    acknowledged: (kind, atMs) => kinds[kind].acknowledged(atMs),
    failed: (kind, reason, message) => kinds[kind].failed(reason, message),
    missed(fromMs, toMs) {
      notMeasuredMs += toMs - fromMs
      kinds.writes.missed(toMs - fromMs)
      kinds.reads.missed(toMs - fromMs)
    },
    figures: (atMs) => ({
      cluster,
      sinceMs,
      untilMs: atMs,
      notMeasuredMs,
      writes: kinds.writes.figures(atMs),
      reads: kinds.reads.figures(atMs),
    }),
    waitingMs: (atMs) => Math.max(kinds.writes.waitingMs(atMs), kinds.reads.waitingMs(atMs)),
  }
}

interface Gap {
  readonly atMs: number
  /** Within it, not measured. */
  readonly missedMs: number
}

function createCounter(before: Answered | undefined) {
  let acknowledged = before?.acknowledged ?? 0
  let firstMs = before?.firstMs
  let longest = { ms: before?.longestGapMs ?? 0, atMs: before?.longestGapAtMs }
  let unavailableMs = before?.unavailableMs ?? 0
  let refusal = before?.refusal
  let open: Gap | undefined
  const failed = new Map(Object.entries(before?.failed ?? {}))
  const lengthOf = ({ atMs, missedMs }: Gap, now: number) => Math.max(0, now - atMs - missedMs)
  const longer = (gap: Gap, now: number) =>
    lengthOf(gap, now) > longest.ms ? { ms: lengthOf(gap, now), atMs: gap.atMs } : longest
  const outage = (gap: Gap, now: number) => (lengthOf(gap, now) > unavailableFromMs ? lengthOf(gap, now) : 0)

  return {
    asked(atMs: number): void {
      if (firstMs !== undefined) open ??= { atMs, missedMs: 0 }
    },
    acknowledged(atMs: number): void {
      acknowledged++
      firstMs ??= atMs
      refusal = undefined
      if (open === undefined) return
      longest = longer(open, atMs)
      unavailableMs += outage(open, atMs)
      open = undefined
    },
    failed(reason: string, message: string): void {
      if (firstMs === undefined) refusal = message
      else failed.set(reason, (failed.get(reason) ?? 0) + 1)
    },
    missed(ms: number): void {
      if (open !== undefined) open = { ...open, missedMs: open.missedMs + ms }
    },
    waitingMs: (atMs: number): number => (open === undefined ? 0 : lengthOf(open, atMs)),
    figures(now: number): Answered {
      const { ms, atMs } = open === undefined ? longest : longer(open, now)
      return {
        acknowledged,
        failed: Object.fromEntries(failed),
        ...(firstMs === undefined ? {} : { firstMs }),
        longestGapMs: ms,
        ...(atMs === undefined ? {} : { longestGapAtMs: atMs }),
        unavailableMs: unavailableMs + (open === undefined ? 0 : outage(open, now)),
        ...(refusal === undefined ? {} : { refusal }),
      }
    },
  }
}
