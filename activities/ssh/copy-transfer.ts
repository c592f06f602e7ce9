import { randomBytes } from 'node:crypto'
import { ActionError } from '../failure.ts'
import type { CopyProgress } from './copy.ts'
import type { Operation } from './copy-plan.ts'
import { openArgv, openInput } from './copy-script.ts'
import type { SshHost } from './hosts.ts'
import { lastWords } from '../redact/secrets.ts'

/** One directory on its way to another host. */
export interface Transfer {
  readonly from: SshHost
  readonly to: SshHost
  readonly fromPath: string
  readonly toPath: string
  /** Usable in a file name. */
  readonly key: string
  /** Where the sender keeps what it needs, on the source. */
  readonly fromDir: string
  /** Where the receiver keeps what it needs, on the destination. */
  readonly toDir: string
  /** Ends the transfer's line in the destination's authorized_keys. */
  readonly tag: string
  readonly signal?: AbortSignal
  readonly report: (progress: CopyProgress) => void
}

export interface Route {
  readonly via: 'direct' | 'relay'
  /** Why it could not go directly. */
  readonly viaBecause?: string
}

export interface Sent {
  readonly bytes: number
  readonly route: Route
  /** Why it broke off, if it did; what is missing shows in the next comparison. */
  readonly problem?: string
}

/** Ends whatever still writes into the destination and makes it ready; returns the new pass's token. */
export async function takeOver(
  { to, toDir, toPath, key }: Transfer,
  files: readonly string[],
  operations: readonly Operation[],
): Promise<string> {
  const token = randomBytes(8).toString('hex')
  const { code, stderr } = await to.exec({
    argv: openArgv(toDir, toPath, token, key),
    stdin: openInput(files, operations),
    privileged: true,
    timeoutMs: 600_000,
  })
  if (code === 0) return token
  throw new ActionError(`${toPath} on ${to.name} could not be made ready: ${lastWords(stderr, 500)}`)
}

/** Each pass's sending is a job of its own on the source. */
export const sendingKey = ({ key }: Transfer, token: string): string => `${key}.send-${token}`
