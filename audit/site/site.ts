import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { UiNamespace } from '../../dsl/run-page.ts'
import { messageOf } from '../failure.ts'
import { type RunRow, type Store, StoreError } from '../store.ts'
import type { VerifyOptions } from '../verify.ts'
import { verifyRun } from '../verify-one.ts'
import { comparePage } from './compare.ts'
import { durationsPage } from './durations.ts'
import { sorry } from './frame.ts'
import { listPage } from './list.ts'
import { type Answered, type Asked, askedBy, isOurHost, send } from './request.ts'
import { bundleFile, eventsPage, noSuchRun, reportFile, runPage, type RunPages } from './run.ts'

export interface SiteOptions {
  /** Temporal's UI, to link a run to. */
  readonly ui?: UiNamespace
  /** Names, beside addresses and `localhost`, under which the site may be called. */
  readonly names?: readonly string[]
  /** By which keys and anchors a run's page verifies it. */
  readonly verify?: VerifyOptions
  /** What broke down, for whoever runs the site: one line. */
  readonly log?: (line: string) => void
}

/** The record to be looked at: every page is made when it is asked for, and nothing can be changed. */
export function createSite(store: Store, options: SiteOptions = {}): RequestListener {
  const { ui, names = [], verify, log = () => {} } = options
  const pages: RunPages = {
    store,
    ...(ui === undefined ? {} : { ui }),
    verify: (run) => verifyRun(store, run, verify),
  }
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      await send(response, await answerTo(request, pages, names))
    } catch (error) {
      log(`${request.url ?? ''}: ${messageOf(error)}`)
      if (response.headersSent) response.destroy()
      else await send(response, brokenDown(error))
    }
  }
  return (request, response) => void answer(request, response)
}

async function answerTo(
  request: IncomingMessage,
  pages: RunPages,
  names: readonly string[],
): Promise<Answered> {
  if (!isOurHost(request.headers.host, names))
    return refused(421, 'The record is not served under that name. Use its address, or localhost.')
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return refused(405, 'The record can be looked at here, and nothing else.')
  const asked = askedBy(request)
  return asked === undefined ? notFound : pageOf(asked, pages)
}

const refused = (status: number, message: string): Answered => ({
  ...{ status, type: 'text/plain; charset=utf-8', body: `${message}\n` },
})

const notFound = sorry(404, 'No such page', 'There is no page at this address.')

async function pageOf({ path, query }: Asked, pages: RunPages): Promise<Answered> {
  const { store } = pages
  const [room, name, part, ...more] = path
  if (more.length > 0) return notFound
  if (room === undefined) return listPage(store, query)
  if (room === 'blobs' && name !== undefined && part === undefined) return blobFile(store, name)
  if (room === 'runs' && name !== undefined) {
    const row = await rowOf(store, name)
    return row === undefined ? noSuchRun(name) : partOf(pages, row, part, query)
  }
  if (name !== undefined) return notFound
  if (room === 'compare') return comparePage(store, query, async (one) => (await rowOf(store, one))?.run)
  if (room === 'durations') return durationsPage(store, query)
  return room === 'favicon.ico' ? { status: 204, type: 'image/x-icon', body: '' } : notFound
}

async function partOf(
  pages: RunPages,
  row: RunRow,
  part: string | undefined,
  query: Asked['query'],
): Promise<Answered> {
  const { run } = row
  switch (part) {
    case undefined:
      return runPage(pages, row, query)
    case 'events':
      return eventsPage(pages.store, run, query)
    case 'bundle':
      return bundleFile(pages.store, run)
    case 'report.html':
      return reportFile(pages, run, 'html')
    case 'report.md':
      return reportFile(pages, run, 'md')
    case 'report.json':
      return reportFile(pages, run, 'json')
    default:
      return notFound
  }
}

/** A run may be asked for by its workflow id, too; of several with the same one, the newest is meant. */
async function rowOf(store: Store, name: string): Promise<RunRow | undefined> {
  const { runs } = await store.runs({ run: name, limit: 50 })
  return runs.find(({ run }) => run === name) ?? runs[0]
}

async function blobFile(store: Store, digest: string): Promise<Answered> {
  const content = /^[0-9a-f]{64}$/.test(digest) ? await store.blob(digest) : undefined
  if (content === undefined)
    return sorry(
      404,
      'Not on record',
      'There is no such blob. It may have been removed by the rules of retention.',
    )
  return { type: 'application/octet-stream', body: content, saveAs: digest }
}

const brokenDown = (error: unknown): Answered =>
  error instanceof StoreError
    ? sorry(503, 'The record cannot be read', error.message)
    : sorry(
        500,
        'That went wrong',
        'This is a mistake in Quorate: please report it, with what the site’s log says.',
      )
