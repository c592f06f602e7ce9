import { defineAction } from '../action.ts'
import { clusterNamed } from '../inventory/look-up.ts'
import { editHostFile } from './edit.ts'
import { withServers } from './haproxy-config.ts'
import { reachedMembers, serving } from './members.ts'
import { afterExample, afterInput, afterOutput, afterSubject, forEachOf, outcome } from './outcome.ts'

export const haproxyBackends = defineAction({
  name: 'haproxy.backends',
  title: "point HAProxy's back end at the members",
  doc: 'Rewrites the server lines of the back ends that the inventory names under after.haproxy to the voting members of now, each with the options it has (a new one with those of the first), and reloads HAProxy. All else stays byte for byte; the new file is checked by `haproxy -c` before it takes the place of the former, which is kept beside it. A reload that fails puts the former file back. Does nothing where the lines are right, or where the inventory names no back end.',
  effect: 'change',
  subject: afterSubject,
  input: afterInput,
  output: afterOutput,
  example: afterExample,
  timeoutMs: 120_000,
  run: async (asked, context) => {
    const cluster = clusterNamed(context.inventory, asked.cluster)
    if (cluster.after.haproxy.length === 0) return outcome([])
    const servers = serving(await reachedMembers(cluster, context)).map((member) => ({
      name: member.name,
      address: member.address,
      port: member.clientPort,
    }))
    const done = await forEachOf(cluster.after.haproxy, async ({ host, path, backend, reload }) => {
      const edit = (text: string) => withServers(text, backend, servers)
      return editHostFile(context, { host, path, edit, check: ['haproxy', '-c', '-f'], reload })
    })
    return outcome(done)
  },
})
