import { hostname, userInfo } from 'node:os'
import type { Door } from '../client/door.ts'
import type { Invocation } from './command.ts'
import { homeDirectory, readUp, type Up } from './home.ts'

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
    identity: loginName(environment),
    ...uiOf(environment, up),
    ...(up === undefined ? {} : { fallbackAddress: up.address, fallbackNamespace: up.namespace }),
  })
  try {
    return await use(door)
  } finally {
    await door.close()
  }
}

/** `$QUORATE_TEMPORAL_UI`, else that of the `quorate up` whose server is asked. */
function uiOf(
  { QUORATE_TEMPORAL_UI: own, TEMPORAL_ADDRESS: address }: NodeJS.ProcessEnv,
  up: Up | undefined,
): { readonly uiUrl?: string } {
  if (own !== undefined && own !== '') return { uiUrl: own }
  const ofUp = up !== undefined && (address === undefined || address === up.address)
  return ofUp ? { uiUrl: up.uiUrl } : {}
}

/** Who asks, for the record: `$QUORATE_BY`, else `USER@MACHINE`. */
export function whoAsks(environment: NodeJS.ProcessEnv): string {
  const { QUORATE_BY: by } = environment
  return by !== undefined && by !== '' ? by : loginName(environment)
}

/** Who is logged in here, whoever they speak for. */
const loginName = ({ SUDO_USER: sudo }: NodeJS.ProcessEnv): string =>
  `${sudo ?? userInfo().username}@${hostname()}`
