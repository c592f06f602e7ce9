import { defineAction } from '../action.ts'
import { clusterNamed } from '../inventory/look-up.ts'
import { editHostFile } from './edit.ts'
import { bracketed, reachedMembers } from './members.ts'
import { afterExample, afterInput, afterOutput, afterSubject, forEachOf, outcome } from './outcome.ts'
import { withTargets } from './prometheus-targets.ts'

export const prometheusTargets = defineAction({
  name: 'prometheus.targets',
  title: "list the members among Prometheus' targets",
  doc: "Keeps the members of now, learners too, in the files of targets (file_sd, JSON or YAML by the file's name) that the inventory names under after.prometheus: in the group labelled etcd_cluster with the cluster's name, else in the one that lists a member of it, else in a new one. Labels and other groups stay byte for byte; the former file is kept beside it. Prometheus sees the change by itself. Does nothing where the targets are right, or where the inventory names no file.",
  effect: 'change',
  subject: afterSubject,
  input: afterInput,
  output: afterOutput,
  example: afterExample,
  timeoutMs: 120_000,
  run: async (asked, context) => {
    const cluster = clusterNamed(context.inventory, asked.cluster)
    if (cluster.after.prometheus.length === 0) return outcome([])
    const members = (await reachedMembers(cluster, context)).filter(({ name }) => name !== '')
    const done = await forEachOf(cluster.after.prometheus, async ({ host, path, port }) => {
      const at = (place: { readonly address: string; readonly clientPort: number }) =>
        `${bracketed(place.address)}:${port ?? place.clientPort}`
      const targets = members.map(at)
      const formerTargets = Object.values(cluster.etcd).map(at)
      const format = path.endsWith('.json') ? 'json' : 'yaml'
      const edit = (text: string) =>
        withTargets(text, format, { cluster: cluster.name, targets, formerTargets })
      return editHostFile(context, { host, path, edit, create: true, hidden: true })
    })
    return outcome(done)
  },
})
