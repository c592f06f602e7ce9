import { z } from 'zod'
import { defineAction } from '../action.ts'
import { backupViews } from '../backup/view.ts'
import { hostsOf } from '../etcd/pool.ts'
import { sweep } from '../etcd/sweep.ts'
import { clusterNamed } from '../inventory/look-up.ts'
import { whyQuorumLives } from './quorum-lost.ts'
import { surveyHost } from './survey-host.ts'
import { judgeSurvey } from './survey-judge.ts'
import { survey } from './survey-view.ts'

export const recoverSurvey = defineAction({
  name: 'recover.survey',
  title: 'see what is left',
  doc: 'Looks at everything that is left of a cluster that has lost its quorum: on every host whether it can be reached, whether etcd runs, whose data lies there and how far its log and database go (read from a copy), and every backup that is found, the newest of them read whole. Says what making a new cluster from the most advanced data directory would lose, what restoring the newest sound backup would, and which it would choose. Changes nothing.',
  effect: 'read',
  subject: ['cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    verify: z.int().min(0).default(1).describe('How many of the newest backups to read whole'),
  }),
  output: survey,
  example: { cluster: 'demo' },
  timeoutMs: 30 * 60_000,
  retry: { attempts: 1, intervalMs: 1000, backoff: 2 },
  run: async ({ cluster: name, verify }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const [seats, hosts, kept] = await Promise.all([
      sweep(cluster, context.cluster(name), {}, { signal: context.signal }),
      Promise.all(hostsOf(cluster).map((host) => surveyHost(context, cluster, host))),
      backupViews(context, cluster, verify),
    ])
    const lives = whyQuorumLives(seats)
    return judgeSurvey({
      ...{
        lost: lives === undefined,
        why: lives ?? 'No member leads, is led or serves a read through the quorum.',
      },
      ...{ hosts, backups: kept.backups, newestBackup: kept.newest, unknown: kept.unknown },
    })
  },
})
