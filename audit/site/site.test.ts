import { request } from 'node:http'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { all } from '../../test/record.ts'
import { openBundle } from '../bundle-read.ts'
import type { Archive } from '../archive.ts'
import { beganOf, ended, replacedMember, sampleBlobs, storyOf } from '../report/sample.ts'
import { seal } from '../seal.ts'
import { openSealKey } from '../seal-key.ts'
import { openSqliteStore } from '../sqlite.ts'
import { StoreError } from '../store.ts'
import { verify } from '../verify.ts'
import { isOurHost } from './request.ts'
import { type Served, serveSite } from './serve.ts'

let directory: string
let store: Archive
let site: Served
const logged: string[] = []
const many = 10_000

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-site-'))
  store = openSqliteStore(join(directory, 'audit.db'))
  for (const blob of sampleBlobs) await store.putBlob(Buffer.from(blob))
  await addManyRuns()
  const key = openSealKey(join(directory, 'seal.pem'))
  for (const [at, run] of ['run-a', 'run-b'].entries()) {
    await store.append(replacedMember(run, Date.UTC(2026, 2, 3 + at, 3, 12, 5)))
    await seal(store, run, key)
  }
  const ui = { base: 'http://localhost:8233', namespace: 'default' }
  site = await serveSite({ store, port: 0, ui, names: ['record.example'], log: (line) => logged.push(line) })
}, 60_000)
afterAll(async () => {
  await site?.close()
  await store?.close()
  rmSync(directory, { recursive: true, force: true })
})

/** Two events each: how it began and how it ended. */
async function addManyRuns(): Promise<void> {
  for (let from = 0; from < many; from += 1000) {
    const stories = Array.from({ length: 1000 }, (_, at) => {
      const number = from + at
      const beganMs = Date.UTC(2025, 0, 1) + number * 3_000_000
      const story = storyOf(`many-${number}`, `etcd-defrag-c${number % 7}-${number}`, beganMs)
      story.tell(
        'run.began',
        {},
        beganOf('etcd-defrag', 'Defragment', `cluster-${number % 7}`, `person-${number % 5}`),
      )
      story.pass(20_000 + ((number * 7919) % 300_000))
      ended(
        story,
        beganMs,
        number % 17 === 0 ? 'failed' : 'done',
        number % 17 === 0 ? 'It was too late.' : '',
      )
      return story.events
    })
    await store.append(stories.flat())
  }
}

interface Got {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Buffer
}

/** As a browser asks, but for the name it uses. */
function get(path: string, { method = 'GET', host }: { method?: string; host?: string } = {}): Promise<Got> {
  return new Promise((resolve, reject) => {
    const asked = request(new URL(path, site.url), {
      method,
      agent: false,
      ...(host === undefined ? {} : { headers: { host } }),
    })
    asked.on('error', reject).on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      )
    })
    asked.end()
  })
}

/** The processor's time that something costs, the best of some: what else the machine does is not what is measured. */
async function leastOf(rounds: number, work: () => Promise<unknown>): Promise<number> {
  const took: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const before = process.cpuUsage()
    await work()
    const { user, system } = process.cpuUsage(before)
    took.push((user + system) / 1000)
  }
  return Math.min(...took)
}

const leastMs = (path: string, rounds: number): Promise<number> =>
  leastOf(rounds, async () => expect((await get(path)).status).toBe(200))

const textOf = async (path: string): Promise<string> => (await get(path)).body.toString()

describe('what it lets nobody do', () => {
  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('%s is refused', async (method) => {
    expect((await get('/', { method })).status).toBe(405)
  })
  test.each([
    ['evil.example', 421],
    ['evil.example:80', 421],
    ['127.0.0.1.evil.example', 421],
    ['localhost.evil.example', 421],
    ['localhost:9', 200],
    ['LOCALHOST', 200],
    ['[::1]:80', 200],
    ['10.1.2.3', 200],
    ['record.example', 200],
  ])('called as “%s” it answers %d', async (host, status) => {
    expect((await get('/durations?runbook=none', { host })).status).toBe(status)
  })
  test('called nothing at all it answers nothing', () => {
    expect([isOurHost(undefined, ['']), isOurHost('', [''])]).toEqual([false, false])
  })
  test.each(['/', '/runs/run-a', '/none', '/runs/run-a/report.json'])(
    '%s comes with strict headers',
    async (path) => {
      const { headers, body } = await get(path)
      expect(headers['content-security-policy']).toMatch(
        /^default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'$/,
      )
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
      })
      expect(headers['set-cookie']).toBeUndefined()
      expect(body.toString()).not.toMatch(/<script|style="|\son\w+=/)
    },
  )
  test('HEAD says the same, without the page', async () => {
    const [head, whole] = [await get('/runs/run-a', { method: 'HEAD' }), await get('/runs/run-a')]
    expect([head.status, head.body.length]).toEqual([200, 0])
    expect(head.headers['content-length']).toBe(whole.headers['content-length'])
  })
})

describe('the list', () => {
  test.each([
    ['', many + 2],
    ['?cluster=demo', 2],
    ['?person=grace', 2],
    ['?outcome=failed', 589],
    ['?text=too+late', 589],
    ['?since=2026-03-03&until=2026-03-03', 1],
    ['?since=nonsense&cluster=demo', 2],
    ['?cluster=nowhere', 0],
  ])('%s finds %d', async (search, total) => {
    expect(await textOf(`/${search}`)).toContain(`${String(total).replace(/\B(?=(\d{3})+$)/g, ',')} run`)
  })
  test('goes from page to page without a run twice or none, and keeps what was asked', async () => {
    const seen: string[] = []
    let path: string | undefined = '/?cluster=cluster-3&since=2025-03-01&until=2025-04-30'
    for (let pages = 0; path !== undefined && pages < 20; pages += 1) {
      const text: string = await textOf(path)
      seen.push(...[...text.matchAll(/href="\/runs\/(many-\d+)"/g)].map(([, run]) => run ?? ''))
      path = /<a href="([^"]+)" rel="next"/.exec(text)?.[1]?.replaceAll('&amp;', '&')
    }
    const { total } = await store.runs({
      cluster: 'cluster-3',
      sinceMs: Date.UTC(2025, 2, 1),
      untilMs: Date.UTC(2025, 4, 1),
    })
    expect([seen.length, new Set(seen).size]).toEqual([total, total])
    expect(total).toBeGreaterThan(200)
  })
  test('what was asked stands in the form again, as text', async () => {
    expect(await textOf('/?cluster=%22%3E%3Cb%3E')).toContain('value="&quot;&gt;&lt;b&gt;"')
  })
  test.each([
    '/',
    '/?person=person-3',
    '/?text=late',
    '/?outcome=open',
    '/durations',
    '/durations?runbook=etcd-defrag',
    '/runs/run-a',
  ])('%s is quick with ten thousand runs', async (path) => {
    expect(await leastMs(path, 7)).toBeLessThan(100)
  })
})

describe('a run', () => {
  test('is found by its key, and by the id people know it by', async () => {
    const text = await textOf('/runs/run-a')
    expect(text).toContain('signed by a key that nobody vouched for')
    expect(text).toContain('http://localhost:8233/namespaces/default/workflows/etcd-replace-member-demo-0303')
    expect(await textOf('/runs/etcd-replace-member-demo-0303')).toContain('run-b')
    expect((await get('/runs/none')).status).toBe(404)
  })
  test('is taken along as a file in each format', async () => {
    for (const kind of ['html', 'md', 'json']) {
      const { headers, body } = await get(`/runs/run-a/report.${kind}`)
      expect(headers['content-disposition']).toBe(
        `attachment; filename="etcd-replace-member-demo-0303.${kind}"`,
      )
      expect(body.toString()).toContain('etcd-replace-member-demo-0303')
    }
    expect(JSON.parse(await textOf('/runs/run-a/report.json'))).toMatchObject({
      v: 1,
      verification: { ok: true },
    })
  })
  test('is taken along as a bundle that verifies by itself', async () => {
    const path = join(directory, 'taken.quorate-audit')
    writeFileSync(path, (await get('/runs/run-a/bundle')).body)
    expect(await verify(await openBundle(path))).toMatchObject({ ok: true, events: replacedMember().length })
  })
  test('shows its events, and gives what a command printed only as a file', async () => {
    const [program] = await all(store.events('run-a'))
    const digest = program?.event.name === 'run.began' ? program.event.data.program : ''
    expect(await textOf('/runs/run-a/events')).toContain(`Events 1 to ${replacedMember().length}`)
    expect(await textOf('/runs/run-a/events?after=50')).toContain('Events 51 to')
    expect((await get(`/blobs/${digest}`)).headers).toMatchObject({
      ...{
        'content-type': 'application/octet-stream',
        'content-disposition': expect.stringContaining('attachment'),
      },
    })
    expect((await get('/blobs/..%2f..%2fetc')).status).toBe(404)
  })
  test('beside another', async () => {
    const text = await textOf('/compare?a=run-a&b=many-1')
    expect(text).toContain('differs')
    expect(text).toContain('not in it')
    expect(await textOf('/compare?run=run-a&run=run-b')).toContain('as long')
    expect(await textOf('/compare?run=1&run=2&run=3')).toContain('More than two')
    expect((await get('/compare?a=run-a&b=none')).status).toBe(404)
  })
})

test.each([
  '/none',
  '/runs',
  '/runs/run-a/none',
  '/runs/run-a/report.html/x',
  '/durations/x',
  '/%00',
  '/%zz',
])('%s is no page, and nothing breaks', async (path) => {
  const { status } = await get(path)
  expect([404]).toContain(status)
})

test('a record that cannot be read is said to be so', async () => {
  const message = 'The record lies on a disk that is gone: mount it.'
  const broken = { ...store, runs: () => Promise.reject(new StoreError(message)) }
  const other = await serveSite({ store: broken, port: 0, log: (line) => logged.push(line) })
  try {
    const response = await fetch(other.url)
    expect([response.status, await response.text()]).toEqual([503, expect.stringContaining(message)])
    expect(logged.at(-1)).toContain(message)
  } finally {
    await other.close()
  }
})

test('a run of fifty thousand events is cut with a word, and all of it can be had', async () => {
  const story = storyOf('long', 'etcd-long', Date.UTC(2026, 4, 1))
  story.tell('run.began', {}, beganOf('etcd-long', 'Long', 'demo', 'ada'))
  for (let number = 0; number < 25_000; number += 1) {
    const at = { step: `each[${number % 500}]`, action: 'a', host: `h${number % 20}` }
    const asked = { call: 'Range', request: { key: `k${number}` } }
    story.tell('etcd.begun', at, asked)
    story.pass(3)
    story.tell('etcd.done', at, { call: 'Range', ms: 3 })
  }
  for (let from = 0; from < story.events.length; from += 5000)
    await store.append(story.events.slice(from, from + 5000))
  // Twice what reading its events alone costs, on a quiet machine.
  const readMs = await leastOf(3, () => all(store.events('long')))
  expect(await leastMs('/runs/long', 3)).toBeLessThan(4 * readMs)
  const text = await textOf('/runs/long')
  expect(text).toContain('50,001 events on record')
  expect(text).toMatch(/(349|350) more steps are not shown/)
  expect(text).toContain('Verify it, which takes some seconds')
  expect(text.length).toBeLessThan(3_000_000)
  expect(await textOf('/runs/long/events?after=49900')).toContain('to 50001')
}, 60_000)
