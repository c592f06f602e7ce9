import { hostname, userInfo } from 'node:os'
import type { Door } from '../client/door.ts'
import type { Invocation } from './command.ts'
import { homeDirectory, readUp } from './home.ts'

/** Opens the way to Temporal for one command: settings first, else the `quorate up` that runs here. */
export async function withDoor<Answer>(
  { environment }: Pick<Invocation, 'environment'>,
  use: (door: Door) => Promise<Answer>,
): Promise<Answer> {
  const up = readUp(homeDirectory(environment))
  // Loading the Temporal client takes longer than most commands do.
  const { openDoor } = await import('../client/door.ts')
  const door = await openDoor({
    environment,
    ...(up === undefined ? {} : { fallbackAddress: up.address, fallbackNamespace: up.namespace }),
  })
  try {
    return await use(door)
  } finally {
    await door.close()
  }
}

/** Who asks, for the record: `$QUORATE_BY`, else `USER@MACHINE`. */
export function whoAsks(environment: NodeJS.ProcessEnv): string {
  const { QUORATE_BY: by, SUDO_USER: sudo } = environment
  if (by !== undefined && by !== '') return by
  return `${sudo ?? userInfo().username}@${hostname()}`
}
