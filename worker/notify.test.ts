import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NotifyRequest } from '../workflows/doors.ts'
import { readChannels } from './channels.ts'
import { notifyChannels } from './notify.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-notify-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const request: NotifyRequest = {
  run: { id: 'upgrade-demo', key: 'k1', runbook: 'upgrade', hash: 'h', cluster: 'demo' },
  step: 'e[m1]/tell',
  text: 'it is "done" → 3.6.16\n',
}

describe('what QUORATE_NOTIFY means', () => {
  test.each([
    ['nothing', undefined, {}],
    [
      'one address',
      'https://hooks.example.org/a/b?c=d',
      { 'hooks.example.org': 'https://hooks.example.org/a/b?c=d' },
    ],
    [
      'addresses with names',
      ' oncall=https://a/x  log=file:n.ndjson',
      { oncall: 'https://a/x', log: 'file:/here/n.ndjson' },
    ],
    ['a file without a name', 'file:/var/n', { file: 'file:/var/n' }],
    ['a file as a URL', 'file:///var/n', { file: 'file:/var/n' }],
  ])('%s', async (_what, setting, channels) => {
    expect(await readChannels(setting, '/here')).toEqual(channels)
  })

  test.each([
    ['channels.yaml', 'channels:\n  ops: https://a/x\n  log: file:n.ndjson\n'],
    ['channels.json', '{"channels": {"ops": "https://a/x", "log": "file:n.ndjson"}}'],
  ])('a file: %s', async (name, text) => {
    writeFileSync(join(directory, name), text)
    const log = `file:${join(directory, 'n.ndjson')}`
    expect(await readChannels(name, directory)).toEqual({ ops: 'https://a/x', log })
  })

  test.each([
    ['two of the same name', 'a=https://x a=https://y', 'two channels "a"'],
    ['two of the same host', 'https://x/1 https://x/2', 'two channels "x"'],
    ['an address that is none', 'https://', 'cannot be read from'],
    ['a file that is not there', 'nowhere.yaml', 'cannot be read from'],
  ])('wrong: %s', async (_what, setting, message) => {
    await expect(readChannels(setting, directory)).rejects.toThrow(message)
  })

  test.each([
    ['channels: { ops: ftp://x }', /WRONG_VALUE[^]*A channel is an address/],
    ['channels: { 1x: https://x }', /cannot be a name/],
    ['chanels: {}', /Did you mean "channels"/],
    ['', /EMPTY_FILE/],
  ])('a file that is wrong says where: %s', async (text, message) => {
    writeFileSync(join(directory, 'c.yaml'), text)
    await expect(readChannels('c.yaml', directory)).rejects.toThrow(message)
  })
})

describe('a notice', () => {
  interface Post {
    readonly method: string | undefined
    readonly type: string | undefined
    readonly body: unknown
  }
  let server: Server
  let answers: readonly number[]
  let posts: Post[]
  let address: string

  beforeEach(async () => {
    answers = []
    posts = []
    server = createServer((message, response) => {
      const chunks: Buffer[] = []
      message.on('data', (chunk: Buffer) => chunks.push(chunk))
      message.on('end', () => {
        const { method, headers } = message
        posts.push({
          method,
          type: headers['content-type'],
          body: JSON.parse(Buffer.concat(chunks).toString()),
        })
        response.writeHead(answers[posts.length - 1] ?? 200).end('ok')
      })
    })
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const at = server.address()
    address = `http://127.0.0.1:${typeof at === 'object' ? at?.port : ''}/hook?secret=s3cret`
  })
  afterEach(() => {
    server.closeAllConnections()
    server.close()
  })

  const tell = (channels: Record<string, string>, to?: readonly string[]) =>
    notifyChannels(to ? { ...request, to } : request, () => Promise.resolve(channels))

  test('is posted as JSON, and told', async () => {
    expect(await tell({ ops: address })).toEqual({ told: ['ops'], failed: [] })
    expect(posts).toEqual([
      {
        method: 'POST',
        type: 'application/json',
        body: {
          text: 'it is "done" → 3.6.16\n',
          run: 'upgrade-demo',
          runbook: 'upgrade',
          cluster: 'demo',
          step: 'e[m1]/tell',
          id: 'k1/e[m1]/tell',
          at: expect.stringMatching(/^\d{4}-.*Z$/),
        },
      },
    ])
  })

  test('says where the run is to be seen, where that is known', async () => {
    const ui = { base: 'https://temporal.example.org/', namespace: 'ops' }
    await notifyChannels(request, () => Promise.resolve({ ops: address }), ui)
    expect(posts).toMatchObject([
      { body: { url: 'https://temporal.example.org/namespaces/ops/workflows/upgrade-demo' } },
    ])
  })

  test('goes to the channels it names, each once', async () => {
    expect(await tell({ ops: address, other: address }, ['ops', 'ops'])).toEqual({
      told: ['ops'],
      failed: [],
    })
    expect(posts).toHaveLength(1)
  })

  test.each([
    ['a server that comes to itself', [500, 503], 3, undefined],
    ['a server that has enough', [429], 2, undefined],
    ['a server that does not', [500, 500, 500], 3, 'it answered 500'],
    ['a server that will not have it', [404], 1, 'it answered 404'],
  ])('%s', async (_what, given, times, reason) => {
    answers = given
    const { told, failed } = await tell({ ops: address })
    expect(posts).toHaveLength(times)
    expect(told).toEqual(reason === undefined ? ['ops'] : [])
    expect(failed).toEqual(reason === undefined ? [] : [{ channel: 'ops', reason }])
  })

  test('one that cannot be delivered keeps no other from being told, and gives away no address', async () => {
    const log = join(directory, 'n.ndjson')
    const channels = {
      dead: 'http://127.0.0.1:1/s3cret',
      log: `file:${log}`,
      deep: `file:${directory}/no/n`,
      ops: address,
    }
    const { told, failed } = await tell(channels)
    expect(told).toEqual(['log', 'ops'])
    expect(failed.map(({ channel }) => channel)).toEqual(['dead', 'deep'])
    expect(JSON.stringify(failed)).not.toContain('s3cret')
    expect(failed[1]?.reason).toBe('ENOENT')
    expect(JSON.parse(readFileSync(log, 'utf8'))).toEqual(posts[0]?.body)
  })

  test.each([
    ['a name nobody has', { ops: 'file:/x' }, ['oncall'], 'there is no such channel, only ops'],
    ['a name where there are none', {}, ['oncall'], 'no channel is configured'],
  ])('%s', async (_what, channels, to, reason) => {
    expect(await tell(channels, to)).toEqual({ told: [], failed: [{ channel: 'oncall', reason }] })
  })

  test('nobody is told where no channel is configured', async () => {
    expect(await tell({})).toEqual({ told: [], failed: [] })
  })

  test('a setting that went wrong meanwhile is said', async () => {
    const { failed } = await notifyChannels(request, () => readChannels('gone.yaml', directory))
    expect(failed).toEqual([{ channel: 'anybody', reason: expect.stringContaining('gone.yaml (ENOENT)') }])
  })
})
