import { activityInfo } from '@temporalio/activity'
import type { RecordPort } from '../activities/record.ts'
import { programText, runBegan, saidEvent } from '../audit/from-run.ts'
import type { EvidenceRequest, LoadedRun, LoadRequest } from '../workflows/doors.ts'

/** What was asked and decided. */
export async function keepSaid(
  { run, key = activityInfo().workflowExecution?.runId ?? run, entries }: EvidenceRequest,
  { record }: { readonly record: RecordPort },
): Promise<void> {
  await record.append(entries.map((entry) => saidEvent({ id: run, key }, entry)))
}

/** That the run began. A record that is away holds nothing up here: no step is done without it, and this is collected later. */
export async function keepBegan(
  loaded: LoadedRun,
  { run, reason }: Pick<LoadRequest, 'run' | 'reason'>,
  { record }: { readonly record: RecordPort },
): Promise<LoadedRun> {
  try {
    const program = await record.putBlob(programText(loaded))
    const at = new Date().toISOString()
    await record.append([
      runBegan({ whose: run, loaded, program, at, ...(reason === undefined ? {} : { reason }) }),
    ])
  } catch {
    // The first step says why.
  }
  return loaded
}
