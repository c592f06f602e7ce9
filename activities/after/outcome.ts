import { z } from 'zod'

/** What all after-steps take and say. */
export const afterInput = z.strictObject({
  cluster: z.string().describe('The cluster whose membership has changed'),
})

export const changeOnHost = z.strictObject({
  host: z.string().describe('The host'),
  path: z.string().describe('The file'),
  changed: z.boolean().describe('Whether it is another than before'),
  note: z.string().describe('What else there is to know, as a sentence; "" when nothing'),
})

export const afterOutput = z.strictObject({
  changed: z.boolean().describe('Whether any file is another than before'),
  hosts: z
    .array(changeOnHost)
    .describe('Each file the inventory names, in its order; empty when it names none'),
})

export const afterExample = { cluster: 'demo' }
export const afterSubject = ['cluster']

export type ChangeOnHost = z.output<typeof changeOnHost>

export function outcome(hosts: ChangeOnHost[]): z.output<typeof afterOutput> {
  return { changed: hosts.some(({ changed }) => changed), hosts }
}
