import { createServer, type Server, type Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { textAt } from './cluster-version.ts'

/** Takes connections as a hung host does; what it says depends on the path. */
let server: Server
let url: string
const open = new Set<Socket>()

beforeAll(async () => {
  server = createServer((socket) => {
    open.add(socket)
    socket.once('data', (asked) => {
      if (asked.includes('/half')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of')
      if (asked.includes('/whole'))
        socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nwhole')
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const address = server.address()
  url = typeof address === 'object' ? `http://127.0.0.1:${address?.port}` : ''
})
afterAll(() => {
  for (const socket of open) socket.destroy()
  server.close()
})

test('what is answered is told', async () => {
  await expect(textAt(`${url}/whole`, undefined, {})).resolves.toBe('whole')
})

test.each([
  ['/nothing', /no answer within 300 ms/],
  ['/half', /aborted|no answer within 300 ms/],
])(
  'a member that says %s does not hold up who asks, whatever garbage is collected',
  async (path, why) => {
    setFlagsFromString('--expose-gc')
    const collect: unknown = runInNewContext('gc')
    if (typeof collect !== 'function') throw new Error('this Node cannot be told to collect garbage')
    const collecting = setInterval(() => collect(), 20)
    const asked = Date.now()
    try {
      const { signal } = new AbortController()
      await expect(textAt(url + path, undefined, { timeoutMs: 300, signal })).rejects.toThrow(why)
      expect(Date.now() - asked).toBeLessThan(3000)
    } finally {
      clearInterval(collecting)
    }
  },
  10_000,
)

test('who asks can break it off', async () => {
  const asking = new AbortController()
  const told = textAt(`${url}/nothing`, undefined, { signal: asking.signal })
  asking.abort()
  await expect(told).rejects.toThrow(/abort/i)
})
