import { createHash } from 'node:crypto'
import { canonicalText } from '../../dsl/canonical.ts'
import type { ClusterModel } from '../../dsl/cluster-model.ts'
import type { Cluster } from '../../dsl/inventory.ts'
import type { ClusterRequest, ClusterSight, Fingerprint } from '../../workflows/plan.ts'
import type { Environment } from '../environment.ts'
import { asJson } from '../as-json.ts'
import { clusterNamed } from '../inventory/look-up.ts'
import { inspectCluster } from './inspect.ts'
import type { Inspection, MemberView } from './inspection.ts'

/**
 * What a cluster is like, for a plan and for the run that carries it out. Members that do not answer are part of
 * it. Throws `InputError` for a cluster that is not in the inventory.
 */
export async function sightOf(
  environment: Environment,
  { cluster: name, carries }: ClusterRequest,
  signal: AbortSignal,
): Promise<ClusterSight> {
  const cluster = clusterNamed(await environment.inventory(), name)
  const seen = await inspectCluster(cluster, environment.etcd.cluster(cluster), { hash: false, signal })
  const fingerprint = fingerprintOf(cluster, seen)
  if (carries !== undefined)
    await environment.record.append([
      {
        ...{ run: carries.key ?? carries.run, workflow: carries.run, id: 'run.planned' },
        ...{ at: new Date().toISOString(), name: 'run.planned' },
        data: { plan: carries.plan, fingerprint: asJson(fingerprint) },
      },
    ])
  return { model: modelOf(seen), fingerprint }
}

function modelOf({ members, leader }: Inspection): ClusterModel {
  return {
    leader,
    members: members.map(({ name, id, peerHost, host, isLearner, healthy, reachable, version }) => ({
      ...{ name, id, host: peerHost || host, learner: isLearner, version },
      up: isLearner ? reachable : healthy,
    })),
  }
}

function fingerprintOf(cluster: Cluster, seen: Inspection): Fingerprint {
  return {
    clusterId: seen.clusterId,
    members: seen.members.map(memberOf),
    alarms: seen.alarms.toSorted(),
    downgradeTo: seen.downgradeTo,
    inventory: createHash('sha256')
      .update(canonicalText(asJson(cluster)))
      .digest('hex'),
  }
}

function memberOf({ name, id, peerHost, peerUrls, isLearner, reachable, version }: MemberView) {
  return {
    ...{ name, id, host: peerHost, peerUrls: peerUrls.toSorted(), learner: isLearner },
    ...{ answers: reachable, version },
  }
}
