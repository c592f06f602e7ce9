import { WorkflowFailedError } from '@temporalio/client'
import { createEtcdClient } from '../lab/etcd-client.ts'
import { startWriter, type Writer } from '../lab/writer.ts'
import { type Asked, liveEndpoints, type Started, until, verified } from './world.ts'

/** What a run that failed ends with, as a sentence. */
export async function whyEnded(run: Started): Promise<string> {
  const error: unknown = await run.result().then(
    () => undefined,
    (failure: unknown) => failure,
  )
  if (error instanceof WorkflowFailedError) return error.cause?.message ?? ''
  throw error instanceof Error ? error : new Error('The run was expected to fail, and did not.')
}

/** Waits until the run asks, answers it, and returns what was asked. A run that ends or waits otherwise fails it. */
export async function approve(run: Started): Promise<string> {
  let message = ''
  const failed = run.handle.result().catch((error: unknown) => {
    throw error instanceof WorkflowFailedError ? (error.cause ?? error) : error
  })
  const asked = until('the approval to be asked for', async () => {
    const { view } = await run.status()
    const { approval, failure } = view.waiting ?? {}
    message = approval?.message ?? ''
    if (view.waiting && !approval) throw new Error(`The run waits: ${failure?.message}`)
    return approval !== undefined
  })
  await Promise.race([asked, failed])
  await run.handle.executeUpdate('approve', { args: [{ by: 'test', comment: 'lose it' }] })
  return message
}

/** A member notices only after its election timeout that nobody follows it any more. */
export const untilLeaderless = (world: Asked): Promise<void> =>
  until('no member to have a leader', async () => {
    const told = await Promise.all(
      (await liveEndpoints(world)).map(async (endpoint) => {
        const client = createEtcdClient(endpoint, world.tls)
        try {
          return (await client.status()).leader
        } finally {
          client.close()
        }
      }),
    )
    return told.every((leader) => leader === '0')
  })

/** Revisions of the writes that were acknowledged and are gone, in order. */
export async function lostBy(world: Asked, writer: Writer): Promise<readonly number[]> {
  const { lost } = await verified(world, writer)
  return inOrder(lost.map((key) => writer.acknowledged().get(key) ?? 0))
}

/** Revisions above `revision` among those that were acknowledged until then, in order. */
export const above = (acknowledged: ReadonlyMap<string, number>, revision: number): readonly number[] =>
  inOrder([...acknowledged.values()].filter((at) => at > revision))

const inOrder = (revisions: readonly number[]): readonly number[] => revisions.toSorted((a, b) => a - b)

/** A client that writes while `work` goes on, the disaster and all, and that must get on with it in the end. */
export async function writingAcross(
  { endpoints, tls }: Asked,
  work: (writer: Writer) => Promise<void>,
): Promise<Writer> {
  const writer = startWriter({ endpoints, prefix: 'later/', workers: 2, pauseMs: 20, ...(tls && { tls }) })
  try {
    await work(writer)
    await someMore(writer, 20)
  } finally {
    await writer.stop()
  }
  return writer
}

/** Waits until so many more writes are acknowledged. */
export function someMore(writer: Writer, count = 50): Promise<void> {
  const now = writer.figures().acknowledged
  return until('some writes', () => writer.figures().acknowledged > now + count)
}
