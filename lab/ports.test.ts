import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { allocatePorts } from './ports.ts'

let directory = ''

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-ports-test-'))
})

afterEach(() => rmSync(directory, { recursive: true }))

test('ports are distinct, on which one can listen, and below the ephemeral range', async () => {
  const { ports, release } = await allocatePorts(20)
  expect(new Set(ports).size).toBe(20)
  for (const port of ports) {
    expect(port).toBeGreaterThanOrEqual(20_000)
    expect(port).toBeLessThan(30_000)
    await close(await listen(port))
  }
  release()
})

test('callers at the same time never share a port, and a full range says so', async () => {
  const range = [29_000, 29_999] as const
  const leases = await Promise.all(Array.from({ length: 20 }, () => allocatePorts(10, { directory, range })))
  const ports = leases.flatMap((lease) => lease.ports)
  expect(new Set(ports).size).toBe(200)
  const [first = 0, ...others] = ports
  const full = { directory, range: [first, first] as const }
  await expect(allocatePorts(1, full)).rejects.toThrow(
    `Free TCP ports on 127.0.0.1 between ${first} and ${first}: 1 needed, 0 found; stop programs`,
  )
  leases.forEach((lease) => lease.release())
  const again = await allocatePorts(1, full)
  expect(again.ports).toEqual([first])
  expect(others).not.toContain(first)
  again.release()
  expect(readdirSync(directory)).toEqual([])
})

test('a port on which somebody listens is not given out', async () => {
  const server = await listen(0)
  const port = portOf(server)
  await expect(allocatePorts(1, { directory, range: [port, port] })).rejects.toThrow('1 needed, 0 found')
  await close(server)
  const lease = await allocatePorts(1, { directory, range: [port, port] })
  expect(lease.ports).toEqual([port])
  lease.release()
})

test('the mark of a living process is kept, that of a dead one taken over', async () => {
  const range = [29_500, 29_500] as const
  const living = spawn('sleep', ['60'])
  mark(29_500, living.pid ?? 0)
  await expect(allocatePorts(1, { directory, range })).rejects.toThrow('1 needed, 0 found')
  const gone = new Promise((resolve) => living.once('exit', resolve))
  living.kill('SIGKILL')
  await gone
  const lease = await allocatePorts(1, { directory, range })
  expect(lease.ports).toEqual([29_500])
  lease.release()
})

test('a failed allocation keeps nothing', async () => {
  const range = [29_600, 29_609] as const
  await expect(allocatePorts(11, { directory, range })).rejects.toThrow('11 needed, 10 found')
  expect(readdirSync(directory)).toEqual([])
})

function mark(port: number, pid: number): void {
  const path = join(directory, String(port))
  mkdirSync(path)
  const holder = { pid, host: hostname(), since: new Date().toISOString(), token: 'another' }
  writeFileSync(join(path, 'holder.json'), JSON.stringify(holder))
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a port')
  return address.port
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}
