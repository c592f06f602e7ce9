import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { moveMember } from '../../dsl/move-member.ts'
import { defineAction } from '../action.ts'
import { ActionError } from '../failure.ts'
import { clusterNamed, hostOfMember, layoutOn } from './look-up.ts'

export const inventoryMove = defineAction({
  name: 'inventory.move',
  title: "note the member's new host in the inventory",
  doc: 'Changes the inventory file so that a member is on another host, and the host it left is a spare. Only those words change; the former file is kept beside it. Does nothing when the inventory says so already.',
  effect: 'change',
  subject: ['member', 'host'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    member: z.string().describe('The member that has moved'),
    host: z.string().describe('The host it is on now'),
  }),
  output: z.strictObject({
    file: z.string().describe('The inventory file'),
    changed: z.boolean().describe('Whether it had to be changed'),
    before: z.string().describe('Where the former file is kept; "" when nothing was changed'),
  }),
  example: { cluster: 'demo', member: 'etcd-1', host: 'host-4' },
  run: async ({ cluster: name, member, host }, context) => {
    const { file } = context.inventory
    const cluster = clusterNamed(context.inventory, name)
    hostOfMember(cluster, member)
    layoutOn(cluster, host)
    const text = await readFile(file, 'utf8')
    const edited = moveMember(text, { cluster: name, member, to: host })
    if (!edited.ok)
      throw new ActionError(
        `${file} was left as it is: ${edited.message}. Note by hand that ${member} is on ${host}.`,
      )
    if (edited.text === text) return { file, changed: false, before: '' }
    const before = `${file}.quorate-${context.run.key}`
    await context.files.replace(file, edited.text, { keepAs: before })
    return { file, changed: true, before }
  },
})
