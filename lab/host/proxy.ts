import { createServer, connect, type Server, type Socket } from 'node:net'

export interface LinkProxy {
  readonly port: number
  /** Cuts every link once this many more bytes went from client to server. */
  cutAfter(bytes: number): void
  /** How often that happened. */
  cuts(): number
  /** From now on nothing passes and nobody is told: a black hole. New links are swallowed too. */
  freeze(): void
  /** Holds any link up, as a full network does, once this many bytes went from its client to the server. */
  stallAfter(bytes: number): void
  /** Whether a link is held up now. */
  stalled(): boolean
  /** Lets everything flow again. */
  resume(): void
  close(): Promise<void>
}

/** For tests: a TCP link to `port` that can be made to fail. */
export async function proxyTo(port: number): Promise<LinkProxy> {
  const state: ProxyState = {
    budget: Infinity,
    cuts: 0,
    frozen: false,
    stallAfter: Infinity,
    held: new Set(),
    sockets: new Set(),
  }
  const server = createServer((client) => link(client, port, state))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const bound = server.address()
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : 0,
    cutAfter: (bytes) => (state.budget = bytes),
    cuts: () => state.cuts,
    freeze: () => (state.frozen = true),
    stallAfter: (bytes) => (state.stallAfter = bytes),
    stalled: () => state.held.size > 0,
    resume: () => resume(state),
    close: () => closeAll(server, state.sockets),
  }
}

interface ProxyState {
  budget: number
  cuts: number
  frozen: boolean
  stallAfter: number
  readonly held: Set<Socket>
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
    socket.on('error', cut).on('close', () => forget(socket, state))
    socket.on('close', cut)
  }
  client.setNoDelay(true)
  server.on('data', (chunk) => state.frozen || client.write(chunk))
  let passedBytes = 0
  client.on('data', (chunk) => {
    if (state.frozen) return
    passedBytes += chunk.length
    if (passedBytes > state.stallAfter) state.held.add(client.pause())
    const passed = chunk.subarray(0, Math.max(0, state.budget))
    state.budget -= chunk.length
    server.write(passed)
    if (state.budget > 0) return
    state.budget = Infinity
    state.cuts++
    server.end(() => cut())
  })
}

function forget(socket: Socket, { sockets, held }: ProxyState): void {
  sockets.delete(socket)
  held.delete(socket)
}

function resume(state: ProxyState): void {
  state.stallAfter = Infinity
  for (const socket of state.held) socket.resume()
  state.held.clear()
}

function closeAll(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    for (const socket of sockets) socket.destroy()
  })
}
