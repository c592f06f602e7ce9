import { mkdirSync } from 'node:fs'
import { createServer, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type HeldLock, tryLock } from './lock.ts'

/** Ports that belong to this process until `release` or its exit. */
export interface PortLease {
  /** Distinct TCP ports, nothing listening on them on loopback when they were given out. */
  readonly ports: readonly number[]
  /** Gives the ports back, to be called after what listened on them has ended. May be called twice. */
  readonly release: () => void
}

export interface PortOptions {
  /** First and last port to give out, both included. */
  readonly range?: readonly [number, number]
  /** Where the marks lie that keep processes from giving out the same port; the same for all of them. */
  readonly directory?: string
}

/**
 * Gives out `count` free loopback TCP ports that no other process using this function gets at the same time.
 * A port that is only *found* free can be taken by somebody else before it is used; a mark with the
 * holder's pid keeps it, and the marks of dead processes are ignored.
 * Throws when the range has not enough free ports.
 */
export async function allocatePorts(count: number, options: PortOptions = {}): Promise<PortLease> {
  const [first, last] = options.range ?? BELOW_THE_EPHEMERAL_PORTS
  const directory = options.directory ?? join(tmpdir(), 'quorate-ports')
  mkdirSync(directory, { recursive: true })
  const leased = new Map<number, HeldLock>()
  const release = () => {
    for (const lock of leased.values()) lock.release()
    leased.clear()
  }
  try {
    const size = last - first + 1
    // Starting anywhere spares processes that start together from trying the same ports in the same order.
    const start = Math.floor(Math.random() * size)
    for (let tried = 0; tried < size && leased.size < count; tried++) {
      const port = first + ((start + tried) % size)
      const lock = await leasePort(port, directory)
      if (lock !== undefined) leased.set(port, lock)
    }
    if (leased.size < count) throw new Error(tooFewPorts(count, leased.size, [first, last]))
  } catch (error) {
    release()
    throw error
  }
  return { ports: [...leased.keys()], release }
}

/** Whether somebody accepts connections on this port of loopback now. */
export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: LOOPBACK })
    const done = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => done(true))
    socket.once('error', () => done(false))
  })
}

/** Linux gives outgoing connections ports from 32768 on, macOS from 49152: those could be taken at any moment. */
const BELOW_THE_EPHEMERAL_PORTS = [20_000, 29_999] as const

const LOOPBACK = '127.0.0.1'

async function leasePort(port: number, directory: string): Promise<HeldLock | undefined> {
  const lock = tryLock(join(directory, String(port)))
  if (lock.kind === 'held') return undefined
  if (await isFree(port)) return lock
  lock.release()
  return undefined
}

/** Asks twice: macOS lets one listen on 127.0.0.1 beside somebody who listens on all addresses. */
async function isFree(port: number): Promise<boolean> {
  return !(await isListening(port)) && (await canListen(port))
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => server.close(() => resolve(true)))
  })
}

function tooFewPorts(count: number, found: number, [first, last]: readonly [number, number]): string {
  return (
    `Free TCP ports on ${LOOPBACK} between ${first} and ${last}: ${count} needed, ${found} found; ` +
    'stop programs that listen there, or give another range.'
  )
}
