import { appendFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { runPage, type UiNamespace } from '../dsl/run-page.ts'
import type { NotifyRequest } from '../workflows/doors.ts'
import type { Told } from '../workflows/ports.ts'
import type { Channels } from './channels.ts'

/** What a channel is given, as JSON: the body of a POST, a line of a file. */
export interface NoticeBody {
  readonly text: string
  /** The run's id. */
  readonly run: string
  /** Its page in the Temporal UI, where that is known. */
  readonly url?: string
  readonly runbook: string
  readonly cluster?: string
  readonly step: string
  /** The same when a notice comes twice, because a worker died before it could say that it was sent. */
  readonly id: string
  /** ISO, UTC. */
  readonly at: string
}

/** Tells all channels, or those of `to`, at the same time. Never throws: what went wrong is in the answer. */
export async function notifyChannels(
  request: NotifyRequest,
  readChannels: () => Promise<Channels>,
  ui?: UiNamespace,
): Promise<Told> {
  const channels = await readChannels().catch(
    (error: unknown) => new Error(error instanceof Error ? error.message : String(error)),
  )
  if (channels instanceof Error)
    return { told: [], failed: [{ channel: 'anybody', reason: channels.message }] }
  const body = bodyOf(request, ui)
  const names = request.to ?? Object.keys(channels)
  const tries = await Promise.all([...new Set(names)].map((name) => tried(name, channels, body)))
  return {
    told: tries.flatMap(({ channel, reason }) => (reason === undefined ? [channel] : [])),
    failed: tries.flatMap(({ channel, reason }) => (reason === undefined ? [] : [{ channel, reason }])),
  }
}

function bodyOf({ run, step, text }: NotifyRequest, ui: UiNamespace | undefined): NoticeBody {
  const { id, key, runbook, cluster } = run
  const at = new Date().toISOString()
  return {
    text,
    run: id,
    ...(ui === undefined ? {} : { url: runPage(ui, id) }),
    runbook,
    ...(cluster === undefined ? {} : { cluster }),
    step,
    id: `${key}/${step}`,
    at,
  }
}

interface Tried {
  readonly channel: string
  /** Why it was not told. Without the address, which may be a secret. */
  readonly reason?: string
}

async function tried(channel: string, channels: Channels, body: NoticeBody): Promise<Tried> {
  const address = Object.hasOwn(channels, channel) ? channels[channel] : undefined
  if (address === undefined) return { channel, reason: noSuchChannel(channels) }
  const reason = address.startsWith('file:')
    ? await appended(address.slice('file:'.length), body)
    : await posted(address, body)
  return { channel, ...(reason === undefined ? {} : { reason }) }
}

function noSuchChannel(channels: Channels): string {
  const names = Object.keys(channels)
  return names.length === 0
    ? 'no channel is configured'
    : `there is no such channel, only ${names.join(', ')}`
}

async function appended(file: string, body: NoticeBody): Promise<string | undefined> {
  try {
    await appendFile(file, `${JSON.stringify(body)}\n`)
    return undefined
  } catch (error) {
    return reasonOf(error)
  }
}

const tries = [500, 2000, 0]
const answerWithinMs = 10_000

/** Tried again where that may help: no answer, too many requests, or a fault on the other side. */
async function posted(address: string, body: NoticeBody): Promise<string | undefined> {
  let reason: string | undefined
  for (const [index, pauseMs] of tries.entries()) {
    const answer = await post(address, body)
    reason = answer.reason
    if (reason === undefined || !answer.again || index === tries.length - 1) break
    await sleep(pauseMs)
  }
  return reason
}

async function post(
  address: string,
  body: NoticeBody,
): Promise<{ readonly reason?: string; readonly again: boolean }> {
  try {
    const answer = await fetch(address, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(answerWithinMs),
    })
    await answer.body?.cancel()
    if (answer.ok) return { again: false }
    return { reason: `it answered ${answer.status}`, again: answer.status >= 500 || answer.status === 429 }
  } catch (error) {
    return { reason: reasonOf(error), again: true }
  }
}

/** The system's own word where there is one: messages of `fetch` say little, and may hold the address. */
function reasonOf(error: unknown): string {
  if (isObject(error) && error['name'] === 'TimeoutError')
    return `no answer within ${answerWithinMs / 1000} s`
  for (let at = error; isObject(at); at = at['cause']) if (typeof at['code'] === 'string') return at['code']
  return 'it cannot be reached'
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null
