import { ActionError, UnknownOutcomeError } from '../failure.ts'
import { ConnectionLost } from './connection.ts'
import type { Plan } from './copy-plan.ts'
import { readArgv, receiveArgv } from './copy-script.ts'
import type { Route, Sent, Transfer } from './copy-transfer.ts'
import { lastWords } from '../redact/secrets.ts'

/** Through this process, over the connections it has: the same ranges to the same receiver. */
export async function relay(
  transfer: Transfer,
  plan: Plan,
  files: readonly string[],
  token: string,
  route: Route,
): Promise<Sent> {
  const { from, fromPath, to, toDir, signal } = transfer
  let bytes = 0
  for (const range of plan.ranges) {
    const request = `put ${files.indexOf(range.path) + 1} ${range.block}`
    const writing = [...receiveArgv(toDir, token), request]
    try {
      const { code, stderr } = await to.receiveFrom(from, readArgv(fromPath, range), writing, signal)
      if (code !== 0)
        throw new ActionError(`${to.name} did not take ${range.path}: ${lastWords(stderr, 500)}`)
    } catch (error) {
      if (signal?.aborted !== true && isCut(error)) return { bytes, route, problem: error.message }
      throw error
    }
    bytes += range.bytes
    transfer.report({ phase: 'sending', doneBytes: bytes, totalBytes: plan.sendBytes })
  }
  return { bytes, route }
}

const isCut = (error: unknown): error is Error =>
  error instanceof ConnectionLost || error instanceof UnknownOutcomeError
