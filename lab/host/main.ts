import { userInfo } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type LabHost, startLabHost } from './server.ts'

/**
 * One host of the process lab:
 * `main.js --dir DIR [--port N] [--address A] [--user NAME] [--lab ID]`.
 * Prints `listening on ADDRESS:PORT SHA256:…` once it can be reached. SIGTERM and SIGINT end it; SIGUSR2 cuts
 * every connection, for tests of what a broken link does, and prints `cut N connections`.
 */
const { values } = parseArgs({
  options: {
    dir: { type: 'string' },
    port: { type: 'string', default: '0' },
    address: { type: 'string', default: '127.0.0.1' },
    user: { type: 'string', default: userInfo().username },
    lab: { type: 'string', default: 'lab' },
  },
})

async function main(): Promise<void> {
  const { dir, address, user, lab } = values
  const port = Number(values.port)
  if (dir === undefined) throw new Error('say where the host lives: --dir DIR')
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new Error(`--port ${values.port} is no port`)
  const host = await startLabHost({ dir: resolve(dir), port, address, user, lab })
  process.on('SIGUSR2', () => process.stdout.write(`cut ${host.dropConnections()} connections\n`))
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => end(host))
  }
  process.stdout.write(`listening on ${address}:${host.port} ${host.key.fingerprint}\n`)
}

/** Does not wait for ever for a client that connected and said nothing. */
function end(host: LabHost): void {
  const exit = (): never => process.exit(0)
  setTimeout(exit, 1000)
  void host.close().then(exit)
}

main().catch((error: unknown) => {
  process.stderr.write(`lab host: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
})
