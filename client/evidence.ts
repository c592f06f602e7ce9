import type { RunEvidence } from '../workflows/doors.ts'
import { type Door, isUnreachable } from './door.ts'

const EVIDENCE_TIMEOUT_MS = 3_000

/** What was asked and decided in a run, open or closed; nothing when no worker answers, or an older one. */
export async function readEvidence(door: Door, id: string): Promise<RunEvidence | undefined> {
  try {
    const handle = door.client.workflow.getHandle(id)
    return await door.ask(() => handle.query<RunEvidence>('evidence'), EVIDENCE_TIMEOUT_MS)
  } catch (error) {
    if (isUnreachable(error) || (error instanceof Error && /quer/i.test(`${error.name} ${error.message}`)))
      return undefined
    throw error
  }
}
