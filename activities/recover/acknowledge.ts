import { z } from 'zod'

/** The input by which a person answers for hosts that cannot be asked. */
export const acknowledgeUnreachable = z
  .array(z.string())
  .default([])
  .describe(
    'Hosts that cannot be reached, and on which etcd is certain never to start again with its data; counts only in a run for a cluster that has lost its quorum',
  )
