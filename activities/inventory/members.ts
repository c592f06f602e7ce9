import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { addMember, removeMember } from '../../dsl/change-members.ts'
import type { Edited } from '../../dsl/move-member.ts'
import { setScheme } from '../../dsl/set-scheme.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { ActionError } from '../failure.ts'
import { clusterNamed } from './look-up.ts'

const output = z.strictObject({
  file: z.string().describe('The inventory file'),
  changed: z.boolean().describe('Whether it had to be changed'),
  before: z
    .string()
    .describe('Where the file is kept as it was before this run; "" when nothing was changed'),
})

export const inventoryAdd = defineAction({
  name: 'inventory.add',
  title: 'note a new member in the inventory',
  doc: 'Adds a member to a cluster in the inventory file, on a host that is no spare any more then. Comments and layout stay; the former file is kept beside it. Does nothing when the inventory says so already.',
  effect: 'change',
  subject: ['member', 'host'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    member: z.string().describe('The member that has joined'),
    host: z.string().describe('The host it is on'),
  }),
  output,
  example: { cluster: 'demo', member: 'etcd-4', host: 'host-4' },
  run: ({ cluster, member, host }, context) =>
    edit(context, cluster, `${member} is on ${host}`, (text) => addMember(text, { cluster, member, host })),
})

export const inventoryRemove = defineAction({
  name: 'inventory.remove',
  title: 'take a member out of the inventory',
  doc: 'Removes a member from a cluster in the inventory file. Its host stays as a spare, unless it is said to be gone. Comments and layout stay; the former file is kept beside it. Does nothing when the inventory says so already.',
  effect: 'change',
  subject: ['member', 'cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    member: z.string().describe('The member that has left'),
    keepHost: z
      .boolean()
      .default(true)
      .describe('Whether its host stays as a spare; one that is dead for good would be asked in vain'),
  }),
  output,
  example: { cluster: 'demo', member: 'etcd-2' },
  run: ({ cluster, member, keepHost }, context) =>
    edit(context, cluster, `${member} has left`, (text) => removeMember(text, { cluster, member, keepHost })),
})

export const inventoryScheme = defineAction({
  name: 'inventory.scheme',
  title: 'note in the inventory how members are spoken to',
  doc: 'Says in the inventory file whether clients and peers of a cluster speak TLS. Comments and layout stay; the former file is kept beside it. Does nothing when the inventory says so already.',
  effect: 'change',
  subject: ['scheme', 'cluster'],
  input: z.strictObject({
    cluster: z.string().describe('The cluster'),
    scheme: z.enum(['http', 'https']).describe('How its members are spoken to'),
  }),
  output,
  example: { cluster: 'demo', scheme: 'https' },
  run: ({ cluster, scheme }, context) =>
    edit(context, cluster, `its scheme is ${scheme}`, (text) => setScheme(text, { cluster, scheme })),
})

async function edit(
  { inventory: { file, ...inventory }, run, files }: ActionContext,
  cluster: string,
  what: string,
  change: (text: string) => Edited,
) {
  clusterNamed({ file, ...inventory }, cluster)
  const text = await readFile(file, 'utf8')
  const edited = change(text)
  if (!edited.ok)
    throw new ActionError(`${file} was left as it is: ${edited.message}. Note by hand that ${what}.`)
  if (edited.text === text) return { file, changed: false, before: '' }
  const before = `${file}.quorate-${run.key}`
  // A run may note several things; what is kept is the file as it was before the first.
  await files.replace(file, edited.text, { keepAs: before, first: true })
  return { file, changed: true, before }
}
