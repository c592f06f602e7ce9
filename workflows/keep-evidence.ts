import { ActivityFailure } from '@temporalio/common'
import { condition, proxyActivities } from '@temporalio/workflow'
import type { EvidenceRequest, LoadedRun } from './doors.ts'
import type { RunSession } from './run-session.ts'

type EvidenceActivities = { readonly 'quorate.evidence': (request: EvidenceRequest) => Promise<void> }

/** A worker that cannot write keeps no run from its end: the run and its history have all of it, too. */
const { 'quorate.evidence': write } = proxyActivities<EvidenceActivities>({
  startToCloseTimeout: '30s',
  summary: 'put on record what was asked and decided',
  retry: { initialInterval: '500ms', maximumInterval: '5s', maximumAttempts: 20 },
})

/** Writes what is asked and decided into the run's evidence, as soon as it is. Goes on beside the run. */
export function keepEvidence(session: RunSession, { evidence }: LoadedRun): void {
  if (evidence === true) void keep(session)
}

async function keep(session: RunSession): Promise<never> {
  const { id, key } = session.identity
  for (;;) {
    await condition(() => !session.written)
    const entries = session.journal.unwritten
    try {
      await write({ run: id, key, entries })
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error
    }
    session.journal.wrote(entries.at(-1)?.number ?? 0)
  }
}
