import { createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openDoor } from './door.ts'
import { Unreachable } from './errors.ts'

const sockets = new Set<Socket>()
let silent: Server
let silentAddress: string

beforeAll(async () => {
  silent = createServer((socket) => void sockets.add(socket))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const address = silent.address()
  silentAddress = typeof address === 'object' && address !== null ? `127.0.0.1:${address.port}` : ''
})
afterAll(() => {
  sockets.forEach((socket) => socket.destroy())
  silent.close()
})

test('a port where nobody listens is told in one sentence with what to do', async () => {
  const opening = openDoor({ environment: { TEMPORAL_ADDRESS: '127.0.0.1:1' } })
  await expect(opening).rejects.toThrow(Unreachable)
  await expect(opening).rejects.toThrow(/^Temporal does not answer at 127\.0\.0\.1:1 .*`quorate up`/)
})

test('a port where somebody listens and says nothing does not hang', async () => {
  const opening = openDoor({ environment: { TEMPORAL_ADDRESS: silentAddress } })
  await expect(opening).rejects.toThrow(`Temporal does not answer at ${silentAddress}`)
}, 15_000)

test('the environment goes before what was found by itself', async () => {
  const opening = openDoor({
    environment: { TEMPORAL_ADDRESS: '127.0.0.1:1' },
    fallbackAddress: '127.0.0.1:2',
  })
  await expect(opening).rejects.toThrow('127.0.0.1:1')
  await expect(openDoor({ environment: {}, fallbackAddress: '127.0.0.1:2' })).rejects.toThrow('127.0.0.1:2')
})

test('settings that cannot be read are told with their place', async () => {
  const opening = openDoor({
    environment: { TEMPORAL_CONFIG_FILE: '/nowhere/at/all.toml', TEMPORAL_PROFILE: 'x' },
  })
  await expect(opening).rejects.toThrow(/^Temporal's settings cannot be read: /)
})
