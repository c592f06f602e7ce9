import { isIP } from 'node:net'
import { defineAction } from '../action.ts'
import { clusterNamed } from '../inventory/look-up.ts'
import { editHostFile } from './edit.ts'
import { shadowed, withHosts } from './hosts-block.ts'
import { reachedMembers } from './members.ts'
import { afterExample, afterInput, afterOutput, afterSubject, forEachOf, outcome } from './outcome.ts'

export const hostsFile = defineAction({
  name: 'hosts.file',
  title: 'name the members in the hosts files',
  doc: 'Keeps a marked block with the names and addresses of the members of now in the hosts files that the inventory names under after.hostsFile. What is outside the block stays byte for byte; the former file is kept beside it. Members that are reached by a name, not by an address, are left to whoever resolves that name. Does nothing where the block is right, or where the inventory names no file.',
  effect: 'change',
  subject: afterSubject,
  input: afterInput,
  output: afterOutput,
  example: afterExample,
  timeoutMs: 120_000,
  run: async (asked, context) => {
    const cluster = clusterNamed(context.inventory, asked.cluster)
    if (cluster.after.hostsFile.length === 0) return outcome([])
    const members = (await reachedMembers(cluster, context)).filter(
      ({ name, address }) => name !== '' && isIP(address) !== 0,
    )
    const done = await forEachOf(cluster.after.hostsFile, async ({ host, path }) => {
      let note = ''
      const edit = (text: string) => {
        const others = shadowed(text, cluster.name, members)
        if (others.length > 0)
          note = `Lines outside the block name ${others.map(({ name, address }) => `${name} as ${address}`).join(', ')}: take them out.`
        return { ok: true as const, text: withHosts(text, cluster.name, members) }
      }
      const change = await editHostFile(context, { host, path, edit, create: true })
      return { ...change, note: [change.note, note].filter(Boolean).join(' ') }
    })
    return outcome(done)
  },
})
