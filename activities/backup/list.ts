import { z } from 'zod'
import { defineAction } from '../action.ts'
import { clusterNamed } from '../inventory/look-up.ts'
import { backupViews, backupView } from './view.ts'

export const backupList = defineAction({
  name: 'backup.list',
  title: 'list the backups',
  doc: "Lists the backups of a cluster, the newest first, as their manifests tell of them: where the inventory's backup says, and in the work directories of the cluster's hosts. Of the newest ones the files are read whole and held against their manifests. Within one cluster ID the revision says which is newer, not a clock.",
  effect: 'read',
  subject: ['cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    verify: z.int().min(0).default(3).describe('How many of the newest to read whole'),
  }),
  output: z.strictObject({
    backups: z.array(backupView).describe('The newest first'),
    newest: backupView.describe(
      'The newest one that is what its manifest says; its path is "" when there is none',
    ),
    unknown: z.array(z.string()).describe('Where there may be more, and why that is not known'),
  }),
  example: { cluster: 'demo', verify: 1 },
  timeoutMs: 30 * 60_000,
  run: async ({ cluster, verify }, context) =>
    backupViews(context, clusterNamed(context.inventory, cluster), verify),
})
