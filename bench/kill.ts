import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openStore } from '../audit/open.ts'

export interface Killed {
  readonly kills: number
  /** What the processes had been told is durable before they were killed. */
  readonly acknowledged: number
  /** Of those, what is not on record afterwards. */
  readonly lost: readonly string[]
  /** All that is on record: what was being written may be there as well. */
  readonly kept: number
}

/** Where a compiled `writer.js` lies. */
function writerPath(): string {
  return join(fileURLToPath(new URL('.', import.meta.url)), 'writer.js')
}

/**
 * Lets a process write events as fast as they become durable, kills it in the middle (SIGKILL, after `afterMs`),
 * and begins again with another, on one run in one store.
 */
export async function killWriters(
  place: string,
  kills: number,
  afterMs: (kill: number) => number,
  writer = writerPath(),
): Promise<Killed> {
  const acknowledged: string[] = []
  for (let kill = 0; kill < kills; kill++)
    acknowledged.push(...(await killOne(place, `w${kill}`, afterMs(kill), writer)))
  const store = await openStore(place)
  const kept = new Set<string>()
  for await (const { event } of store.events('killed')) kept.add(event.id)
  await store.close()
  return {
    kills,
    acknowledged: acknowledged.length,
    lost: acknowledged.filter((id) => !kept.has(id)),
    kept: kept.size,
  }
}

async function killOne(
  place: string,
  name: string,
  afterMs: number,
  writer: string,
): Promise<readonly string[]> {
  const child = fork(writer, [place, 'killed', name], { silent: true })
  let said = ''
  child.stdout?.on('data', (part: Buffer) => {
    if (said === '') setTimeout(() => child.kill('SIGKILL'), afterMs)
    said += part.toString()
  })
  await once(child, 'close')
  if (child.signalCode !== 'SIGKILL') throw new Error(`the writer ended by itself before it was killed`)
  // The last line may have been cut; what was not said whole was not acknowledged.
  return said.split('\n').slice(0, -1)
}
