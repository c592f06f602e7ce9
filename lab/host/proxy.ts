import { createServer, connect, type Server, type Socket } from 'node:net'

export interface LinkProxy {
  readonly port: number
  /** Cuts every link once this many more bytes went from client to server. */
  cutAfter(bytes: number): void
  /** How often that happened. */
  cuts(): number
  /** From now on nothing passes and nobody is told: a black hole. New links are swallowed too. */
  freeze(): void
  close(): Promise<void>
}

/** For tests: a TCP link to `port` that can be made to fail. */
export async function proxyTo(port: number): Promise<LinkProxy> {
  const state = { budget: Infinity, cuts: 0, frozen: false, sockets: new Set<Socket>() }
  const server = createServer((client) => link(client, port, state))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const bound = server.address()
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : 0,
    cutAfter: (bytes) => (state.budget = bytes),
    cuts: () => state.cuts,
    freeze: () => (state.frozen = true),
    close: () => closeAll(server, state.sockets),
  }
}

interface ProxyState {
  budget: number
  cuts: number
  frozen: boolean
  readonly sockets: Set<Socket>
}

function link(client: Socket, port: number, state: ProxyState): void {
  const server = connect({ port, host: '127.0.0.1', noDelay: true })
  const cut = (): void => {
    client.destroy()
    server.destroy()
  }
  for (const socket of [client, server]) {
    state.sockets.add(socket)
    socket.on('error', cut).on('close', () => state.sockets.delete(socket))
    socket.on('close', cut)
  }
  client.setNoDelay(true)
  server.on('data', (chunk) => state.frozen || client.write(chunk))
  client.on('data', (chunk) => {
    if (state.frozen) return
    const passed = chunk.subarray(0, Math.max(0, state.budget))
    state.budget -= chunk.length
    server.write(passed)
    if (state.budget > 0) return
    state.budget = Infinity
    state.cuts++
    server.end(() => cut())
  })
}

function closeAll(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    for (const socket of sockets) socket.destroy()
  })
}
