import { z } from 'zod'
import { ActionError, RefusedError, UnknownOutcomeError } from '../failure.ts'

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

/**
 * Does something for each host, one after the other; one that fails does not keep the next from being told.
 * Throws one error for all that failed, once the others are done.
 */
export async function forEachOf<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<ChangeOnHost>,
): Promise<ChangeOnHost[]> {
  const done: ChangeOnHost[] = []
  const failures: Error[] = []
  for (const item of items) {
    try {
      done.push(await work(item))
    } catch (error) {
      if (!isExpected(error)) throw error
      failures.push(error)
    }
  }
  const [first] = failures
  if (first === undefined) return done
  const told =
    done.length === 0 ? '' : ` Told: ${done.map(({ host, path }) => `${path} on ${host}`).join(', ')}.`
  const text = `${failures.map(({ message }) => message).join(' ')}${told}`
  throw failures.some((failure) => failure instanceof UnknownOutcomeError)
    ? new UnknownOutcomeError(text, { cause: first })
    : new ActionError(text, { cause: first })
}

function isExpected(error: unknown): error is Error {
  return [ActionError, RefusedError, UnknownOutcomeError].some((kind) => error instanceof kind)
}
