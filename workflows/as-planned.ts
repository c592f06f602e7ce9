import { proxyActivities, sleep } from '@temporalio/workflow'
import type { PlanPin } from './doors.ts'
import { failure } from './end-failure.ts'
import { whatDiffers } from './fingerprint.ts'
import type { ClusterRequest, ClusterSight, Fingerprint } from './plan.ts'
import { memoOf } from './run-memo.ts'
import type { RunIdentity } from './ports.ts'

type Activities = { readonly 'quorate.cluster': (request: ClusterRequest) => Promise<ClusterSight> }

const { 'quorate.cluster': look } = proxyActivities<Activities>({
  startToCloseTimeout: '1m',
  retry: { initialInterval: '500ms', maximumInterval: '10s', nonRetryableErrorTypes: ['InputError'] },
})

/** Ends a run whose cluster is not any more what it was when its plan was made. Under the lock, before the first step. */
export async function requireSameCluster(run: RunIdentity): Promise<void> {
  const { plan } = memoOf()
  if (plan?.fingerprint === undefined || run.cluster === undefined) return
  let differences = await differencesNow(plan, plan.fingerprint, run, run.cluster)
  if (differences.length > 0) {
    // One late answer is no change.
    await sleep(lateMs, { summary: 'look once more whether the cluster is as planned' })
    differences = await differencesNow(plan, plan.fingerprint, run, run.cluster)
  }
  if (differences.length === 0) return
  throw failure(
    'InputError',
    `${run.cluster} is not as it was planned: ${differences.join('; ')}. ${makeAnother}`,
  )
}

async function differencesNow(
  { sha256 }: PlanPin,
  planned: Fingerprint,
  { id, key }: RunIdentity,
  cluster: string,
): Promise<readonly string[]> {
  const { fingerprint } = await look({ cluster, carries: { run: id, key, plan: sha256 } })
  return whatDiffers(planned, fingerprint)
}

const lateMs = 2000
const makeAnother = 'Nothing was touched. Make another plan, and read what is different: `quorate plan`.'
