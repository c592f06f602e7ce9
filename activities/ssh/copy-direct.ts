import { readFile } from 'node:fs/promises'
import { ActionError, UnknownOutcomeError } from '../failure.ts'
import type { Plan } from './copy-plan.ts'
import { authorizeArgv, authorizedLine, receiveArgv, sendArgv, sendInput } from './copy-script.ts'
import { type Route, type Sent, sendingKey, type Transfer } from './copy-transfer.ts'
import { attachToJob, JobFailed } from './job.ts'
import { newKeyPair } from './key-pair.ts'
import { knownHostName, knownKeys } from './known-hosts.ts'
import { lastWords } from '../redact/secrets.ts'

/** What `send` and `authorize` end with where the direct way is closed. */
const cannot = 75
/** The link between the two broke, or the destination's disk is full. */
const notTaken = 76
const direct: Route = { via: 'direct' }

/**
 * From host to host: a job on the source sends over OpenSSH, with a key made for this and allowed nothing else.
 * Returns in words why it cannot, where the source cannot reach the destination.
 */
export async function sendDirectly(
  transfer: Transfer,
  plan: Plan,
  files: readonly string[],
  token: string,
): Promise<Sent | string> {
  const { from, to, fromDir, fromPath, toDir } = transfer
  const pair = newKeyPair(transfer.tag)
  const refusal = await authorize(
    transfer,
    authorizedLine(to.privilegedArgv(receiveArgv(toDir, token)), pair.public, transfer.tag),
  )
  if (refusal !== undefined) return refusal
  const { port, user } = to.host.ssh
  const argv = sendArgv({ dir: fromDir, root: fromPath, address: to.address, port, user, token })
  const stdin = sendInput(pair.private, await pinnedKeys(transfer), files, plan.ranges)
  const onOutput = (output: string): void => {
    transfer.report({ phase: 'sending', doneBytes: sentSoFar(output), totalBytes: plan.sendBytes })
  }
  const { signal } = transfer
  try {
    const options = { onOutput, ...(signal === undefined ? {} : { signal }) }
    const { stdout } = await from.job(sendingKey(transfer, token), { argv, stdin }, options)
    return { bytes: sentSoFar(stdout), route: direct }
  } catch (error) {
    if (error instanceof JobFailed && error.code === cannot) return error.said
    if (signal?.aborted !== true && mayGoOn(error)) return { bytes: 0, route: direct, problem: error.message }
    throw error
  } finally {
    await revoke(transfer).catch(() => {})
  }
}

const mayGoOn = (error: unknown): error is Error =>
  error instanceof UnknownOutcomeError || (error instanceof JobFailed && error.code === notTaken)

/**
 * A worker that died may have left a sending of this very copy that still goes on: waits for it and returns how
 * many bytes it sent. Whatever else writes there is ended when the next pass takes over.
 */
export async function adoptSending(transfer: Transfer): Promise<number> {
  const { from, to, toDir, key, signal } = transfer
  const { stdout } = await to.exec({ argv: ['cat', `${toDir}/token`], privileged: true })
  const [token, owner] = stdout.trim().split(' ')
  if (token === undefined || token === '') return 0
  const options = signal === undefined ? {} : { signal }
  const sending = owner === key ? await attachToJob(from, sendingKey(transfer, token), options) : undefined
  await revoke(transfer)
  return sentSoFar(sending?.stdout ?? '')
}

/** Takes the transfer's key out of the destination's authorized_keys. */
export async function revoke({ to, tag }: Transfer): Promise<void> {
  const { code, stderr } = await to.exec({ argv: authorizeArgv(tag) })
  if (code === 0 || code === cannot) return
  throw new ActionError(
    `The key of a copy could not be taken out of ~/.ssh/authorized_keys on ${to.name} (${stderr.trim()}). ` +
      `It can run nothing but the receiver of that copy; remove the line that ends with ${tag}.`,
  )
}

async function authorize({ to, tag }: Transfer, line: string): Promise<string | undefined> {
  const { code, stderr } = await to.exec({ argv: authorizeArgv(tag, line) })
  if (code === 0) return undefined
  if (code === cannot) return `~/.ssh/authorized_keys on ${to.name} is a link and is left alone`
  throw new ActionError(
    `~/.ssh/authorized_keys on ${to.name} could not be changed: ${lastWords(stderr, 500)}`,
  )
}

/** The destination's keys as the worker knows them: the source trusts nothing else. */
async function pinnedKeys({ to }: Transfer): Promise<readonly string[]> {
  const { port, knownHosts } = to.host.ssh
  const keys = knownKeys(await readFile(knownHosts, 'utf8'), to.address, port)
  return keys.map(({ type, base64 }) => `${knownHostName(to.address, port)} ${type} ${base64}`)
}

/** The last whole line is the sum. */
function sentSoFar(output: string): number {
  const last = output.slice(0, output.lastIndexOf('\n')).split('\n').at(-1) ?? ''
  return /^\d+$/.test(last) ? Number(last) : 0
}
