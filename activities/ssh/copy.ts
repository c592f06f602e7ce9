import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { ActionError, InputError, RefusedError } from '../failure.ts'
import { ConnectionLost } from './connection.ts'
import { adoptSending, revoke, sendDirectly } from './copy-direct.ts'
import {
  type Entry,
  firstDifference,
  type ListingMode,
  type Manifest,
  manifestArgv,
  manifestDigest,
  parseManifest,
  withHashes,
} from './copy-manifest.ts'
import { isEmpty, type Plan, planCopy } from './copy-plan.ts'
import { relay } from './copy-relay.ts'
import { finishArgv } from './copy-script.ts'
import { type Route, type Sent, takeOver, type Transfer } from './copy-transfer.ts'
import { SshHost } from './hosts.ts'
import { jobDirectory } from './job.ts'
import type { RemoteHost } from './remote-host.ts'
import { lastWords } from '../redact/secrets.ts'

export interface CopyRequest {
  readonly from: RemoteHost
  readonly fromPath: string
  readonly to: RemoteHost
  /**
   * Absent, empty, or an unfinished copy of ours (it holds `.quorate-incoming` until it is proven whole):
   * whatever the source does not have is deleted there.
   */
  readonly toPath: string
  /** As a job's. */
  readonly key: string
  /**
   * True: the source stands still; ends only when both are the same, block by block, and on disk.
   * False: the source is alive; what changes or vanishes meanwhile is left for the next pass.
   */
  readonly verify: boolean
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: CopyProgress) => void
  /** `direct` from host to host, `relay` through this process; by default direct where it can be. */
  readonly transport?: 'direct' | 'relay'
}

export interface CopyProgress {
  readonly phase: 'comparing' | 'sending' | 'proving' | 'finishing'
  readonly doneBytes: number
  readonly totalBytes: number
}

export interface CopyResult {
  readonly files: number
  readonly bytesTotal: number
  /** Over the wire, by this call and by the sending it took over. */
  readonly bytesSent: number
  /** Not sent, because it was there already or is nothing but zeros. */
  readonly bytesReused: number
  /** sha256 over names, modes, sizes and files, the same at both ends; empty where it was not verified. */
  readonly digest: string
  readonly via: 'direct' | 'relay'
  /** Why it could not go directly. */
  readonly viaBecause?: string
  readonly durationMs: number
}

/** A verified copy that still differs after so many passes has a source that does not stand still, or a bad disk. */
const maxPasses = 4

/**
 * Makes `toPath` on one host the same as `fromPath` on another. The first pass, one resumed after any crash and
 * the last one are the same: both ends say what they hold, block by block, and what differs is sent.
 * Throws `RefusedError` before anything is touched (links, foreign files in `toPath`), else `ActionError`.
 */
export async function copyDirectory(request: CopyRequest): Promise<CopyResult> {
  const startMs = Date.now()
  const transfer = newTransfer(request)
  const { source, sentBytes, route } = await copyPasses(transfer, request)
  const files = filesOf(source)
  const bytesTotal = files.reduce((total, { sizeBytes }) => total + sizeBytes, 0)
  return {
    files: files.length,
    bytesTotal,
    bytesSent: sentBytes,
    bytesReused: Math.max(0, bytesTotal - sentBytes),
    digest: request.verify ? manifestDigest(source) : '',
    ...route,
    durationMs: Date.now() - startMs,
  }
}

function newTransfer(request: CopyRequest): Transfer {
  const { from, to, fromPath, toPath, key, signal, onProgress } = request
  to.refuseTransfer?.(`${fromPath} of ${from.name}, as ${toPath}, as far as it differs`)
  if (!(from instanceof SshHost) || !(to instanceof SshHost)) {
    throw new TypeError('Directories are copied between hosts made by createHosts.')
  }
  for (const path of [fromPath, toPath]) refuseOddPath(path)
  if (from.name === to.name && fromPath === toPath)
    throw new InputError(`${fromPath} cannot be copied onto itself.`)
  const id = createHash('sha256').update(`${to.name}:${toPath}`).digest('hex').slice(0, 12)
  return {
    from,
    to,
    fromPath,
    toPath,
    key: jobDirectory(key),
    fromDir: `${from.workDir}/transfers/${id}`,
    toDir: `${to.workDir}/transfers/${id}`,
    tag: `quorate-copy-${id}`,
    report: (progress) => onProgress?.(progress),
    ...(signal === undefined ? {} : { signal }),
  }
}

function refuseOddPath(path: string): void {
  const plain = /^\/.*[^/]$/s.test(path) && !/\p{Cc}/u.test(path) && !path.split('/').includes('..')
  if (!plain)
    throw new InputError(`${JSON.stringify(path)} is no absolute path of a directory that could be copied.`)
}

interface Copied {
  readonly source: Manifest
  readonly sentBytes: number
  readonly route: Route
}

async function copyPasses(transfer: Transfer, request: CopyRequest): Promise<Copied> {
  let sentBytes = await adoptSending(transfer)
  let route: Route = { via: request.transport ?? 'direct' }
  let problem: string | undefined
  for (let pass = 1; pass <= maxPasses; pass++) {
    const { source, target } = await compare(transfer, request.verify)
    const plan = planCopy(source, target)
    refuseForeign(transfer, target, plan)
    const sent = await sendPass(transfer, plan, route, request.transport === undefined)
    sentBytes += sent.bytes
    route = sent.route
    if (!request.verify && sent.problem === undefined) return { source, sentBytes, route }
    problem = sent.problem
    if (problem !== undefined) continue
    const proven = await prove(transfer)
    if (proven.source !== undefined) return { source: proven.source, sentBytes, route }
    problem = `They differ in ${proven.difference}.`
  }
  throw stillDiffers(transfer, problem)
}

interface Both {
  readonly source: Manifest
  readonly target: Manifest
}

/** What lies at both ends, with the hashes of the blocks that need not be sent if they are the same. */
async function compare(transfer: Transfer, verify: boolean): Promise<Both> {
  transfer.report({ phase: 'comparing', doneBytes: 0, totalBytes: 0 })
  const { source, target } = await look(transfer, 'list')
  const where = `${transfer.fromPath} on ${transfer.from.name}`
  if (source.state === 'absent') throw new RefusedError(`There is no ${where} to copy.`)
  if (source.state === 'incoming') throw new RefusedError(`${where} is itself an unfinished copy.`)
  const common = filesOf(source).filter(({ path }) => target.entries.get(path)?.kind === 'file')
  // A member that is alive is not made to read what will be sent anyway; one that waits is, to find the zeros.
  const [ofSource, ofTarget] = await Promise.all([
    blocksOf(transfer, transfer.from, transfer.fromPath, verify ? filesOf(source) : common),
    blocksOf(transfer, transfer.to, transfer.toPath, common),
  ])
  return { source: withHashes(source, ofSource), target: withHashes(target, ofTarget) }
}

/** Both ends read anew, file by file. The source's manifest when they are the same, and on disk. */
async function prove(
  transfer: Transfer,
): Promise<{ readonly source?: Manifest; readonly difference?: string }> {
  transfer.report({ phase: 'proving', doneBytes: 0, totalBytes: 0 })
  const { source, target } = await look(transfer, 'sums')
  const difference = firstDifference(source, target)
  if (difference !== undefined) return { difference }
  if (target.state === 'incoming') await finish(transfer)
  return { source }
}

const filesOf = (manifest: Manifest): readonly Entry[] =>
  [...manifest.entries.values()].filter(({ kind }) => kind === 'file')

async function look({ from, fromPath, to, toPath, signal }: Transfer, mode: 'list' | 'sums'): Promise<Both> {
  const [source, target] = await Promise.all([
    manifest(from, fromPath, mode, '', signal),
    manifest(to, toPath, mode, '', signal),
  ])
  return { source, target }
}

async function blocksOf(
  { signal }: Transfer,
  host: SshHost,
  root: string,
  files: readonly Entry[],
): Promise<Manifest> {
  if (files.length === 0) return { state: 'plain', asRoot: false, entries: new Map() }
  return manifest(host, root, 'blocks', files.map(({ path }) => `${path}\n`).join(''), signal)
}

/** Reading changes nothing, so a broken link is no reason to give up. */
async function manifest(
  host: SshHost,
  path: string,
  mode: ListingMode,
  stdin: string,
  signal: AbortSignal | undefined,
): Promise<Manifest> {
  const where = `${path} on ${host.name}`
  const argv = host.privilegedArgv(manifestArgv(mode, path))
  const options = { stdin, keepBytes: 64 * 1024 * 1024, ...(signal === undefined ? {} : { signal }) }
  for (let tries = 1; ; tries++) {
    try {
      const ran = await host.run(argv, options)
      if (ran.code === 0) return parseManifest(ran.stdout, where)
      throw new ActionError(`${where} cannot be listed: ${lastWords(ran.stderr, 500)}`)
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error
      if (tries === maxPasses)
        throw new ActionError(`The connection broke while ${where} was listed.`, { cause: error })
      await sleep(100 * tries)
    }
  }
}

/** Nothing is ever deleted in, or written into, a directory that no copy of ours began. */
function refuseForeign({ to, toPath }: Transfer, target: Manifest, plan: Plan): void {
  const holds = [...target.entries.values()].filter(({ path }: Entry) => path !== '.')
  if (target.state !== 'plain' || holds.length === 0 || isEmpty(plan)) return
  throw new RefusedError(
    `${toPath} on ${to.name} holds something that is no unfinished copy (${holds[0]?.path}, ${holds.length} entries). ` +
      'Set it aside or choose another directory.',
  )
}

async function sendPass(transfer: Transfer, plan: Plan, route: Route, mayRelay: boolean): Promise<Sent> {
  transfer.report({ phase: 'sending', doneBytes: 0, totalBytes: plan.sendBytes })
  if (isEmpty(plan)) return { bytes: 0, route }
  const files = [...new Set(plan.ranges.map(({ path }) => path))]
  const token = await takeOver(transfer, files, plan.operations)
  if (plan.ranges.length === 0) return { bytes: 0, route }
  if (route.via === 'relay') return relay(transfer, plan, files, token, route)
  const sent = await sendDirectly(transfer, plan, files, token)
  if (typeof sent !== 'string') return sent
  if (!mayRelay) throw new ActionError(`${transfer.from.name} cannot send to ${transfer.to.name}: ${sent}`)
  return relay(transfer, plan, files, token, { via: 'relay', viaBecause: sent })
}

async function finish(transfer: Transfer): Promise<void> {
  transfer.report({ phase: 'finishing', doneBytes: 0, totalBytes: 0 })
  const { to, toDir, toPath } = transfer
  await revoke(transfer)
  const { code, stderr } = await to.exec({
    argv: finishArgv(toDir, toPath),
    privileged: true,
    timeoutMs: 300_000,
  })
  if (code !== 0)
    throw new ActionError(`${toPath} on ${to.name} could not be finished: ${lastWords(stderr, 500)}`)
}

function stillDiffers({ from, fromPath, to, toPath }: Transfer, problem: string | undefined): ActionError {
  return new ActionError(
    `${toPath} on ${to.name} is not the same as ${fromPath} on ${from.name} after ${maxPasses} passes. ` +
      `${problem ?? ''} See that nothing writes at either end and that the disk has room, then retry.`,
  )
}
