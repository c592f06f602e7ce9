import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import type { EtcdAuth } from '../../dsl/inventory.ts'
import { InputError } from '../failure.ts'
import type { Channel } from './channel.ts'
import { EtcdError } from './errors.ts'
import { secrets } from '../redact/secrets.ts'

/** Keeps the token of one cluster's user, shared by the channels to all its members. */
export interface TokenKeeper {
  /** The token of now; `undefined` until one was asked for. */
  readonly token: () => string | undefined
  /** Gets another one, through the given channel, or through another where a learner takes no logins. */
  readonly renew: (through: Channel, used: string | undefined, timeoutMs: number) => Promise<string>
}

/** `others` are the channels to the other members that were asked so far. */
export function tokenKeeper(cluster: string, auth: EtcdAuth, others: () => readonly Channel[]): TokenKeeper {
  let token: string | undefined
  let underWay: Promise<string> | undefined
  const obtain = async (through: Channel, timeoutMs: number) => {
    const login = { name: auth.user, password: await passwordOf(cluster, auth) }
    token = await firstThatCan([through, ...others().filter((other) => other !== through)], login, timeoutMs)
    secrets.add(`token of ${auth.user} in ${cluster}`, token)
    return token
  }
  return {
    token: () => token,
    async renew(through, used, timeoutMs) {
      if (token !== undefined && token !== used) return token
      underWay ??= obtain(through, timeoutMs).finally(() => {
        underWay = undefined
      })
      return underWay
    },
  }
}

/**
 * A channel whose calls carry a user's token. A call goes without one until a member asks for it, because
 * some must work while there is no quorum to authenticate with. A call that was refused for its token was not
 * carried out, so it is sent once more with a new one.
 */
export function withToken(channel: Channel, keeper: TokenKeeper): Channel {
  return {
    close: () => channel.close(),
    async call(method, request, options) {
      const used = keeper.token()
      const send = (token: string | undefined) =>
        channel.call(method, request, { ...options, ...(token !== undefined && { token }) })
      try {
        return await send(used)
      } catch (error) {
        if (!(error instanceof EtcdError) || !asksForToken(error, used)) throw error
        return send(await keeper.renew(channel, used, options.timeoutMs))
      }
    },
  }
}

/** A certificate's name counts as a user too, and may then be denied what the user of the inventory may do. */
function asksForToken({ words, code }: EtcdError, used: string | undefined): boolean {
  if (code === 'tokenInvalid') return true
  return used === undefined && (words.includes('user name is empty') || code === 'permissionDenied')
}

const answer = z.object({ token: z.string().min(1) })

/**
 * A learner takes no logins, so the others are asked, all at once, because any of them may be down; a token that a
 * voter gave out holds there too.
 */
async function firstThatCan(
  [asked, ...others]: readonly [Channel, ...Channel[]],
  login: object,
  timeoutMs: number,
): Promise<string> {
  const through = async (channel: Channel) =>
    answer.parse(await channel.call('Authenticate', login, { timeoutMs })).token
  try {
    return await through(asked)
  } catch (error) {
    if (!(error instanceof EtcdError) || error.code !== 'askedALearner') throw error
    return Promise.any(others.map(through)).catch(({ errors }: AggregateError) => {
      throw errors[0] ?? error
    })
  }
}

function learnt(where: string, password: string): string {
  secrets.add(where, password)
  return password
}

/** Throws `InputError` saying where the password should be. */
export async function passwordOf(cluster: string, { password }: EtcdAuth): Promise<string> {
  const where = `clusters.${cluster}.auth.password in the inventory`
  const name = password.slice(password.indexOf(':') + 1)
  if (password.startsWith('env:')) {
    const value = process.env[name]
    if (value) return learnt(where, value)
    throw new InputError(`The variable ${name} (${where}) is not set where the worker runs: set it there.`)
  }
  const text = await readFile(name, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new InputError(`${name} (${where}) cannot be read: ${error.code ?? error.message}.`)
  })
  const [line = ''] = text.split('\n')
  if (line !== '') return learnt(where, line)
  throw new InputError(`${name} (${where}) is empty: its first line is the password.`)
}
