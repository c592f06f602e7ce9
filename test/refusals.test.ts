import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { ApplicationFailure, WorkflowFailedError } from '@temporalio/client'
import { parseDocument } from 'yaml'
import { footprint, jobsOf, leaderNow, membersNow, startWorld, until, type World } from './world.ts'

/** What etcd-migrate-node refuses, each leaving the hosts and the membership as they were. */
describe('refused before anything changes', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld()
  }, 120_000)
  afterAll(() => world?.close(), 60_000)

  interface Case {
    readonly inputs?: Readonly<Record<string, unknown>>
    /** Makes the situation; what it returns unmakes it. */
    readonly given: () => Promise<() => Promise<unknown> | void>
    readonly says: RegExp
  }

  const cases: Readonly<Record<string, Case>> = {
    'another member is down': {
      given: async () => {
        await world.lab.kill('h3')
        await leaderNow(world)
        return () => started('h3')
      },
      says: /etcd-3 .*(not answer|unreachable|refused|no answer|nothing)/i,
    },
    'the destination has an etcd data directory': {
      given: async () => {
        const { dataDir } = world.lab.host('h4').layout
        mkdirSync(join(dataDir, 'member'), { recursive: true })
        return () => rmSync(dataDir, { recursive: true })
      },
      says: /h4.*data directory/i,
    },
    'a port of the destination is taken': {
      given: async () => {
        const { peerPort } = world.lab.host('h4')
        const server = createServer().listen(peerPort, '127.0.0.1')
        await until('the port to be taken', () => server.listening)
        return () => new Promise((closed) => server.close(closed))
      },
      says: /h4.*port|port.*h4/i,
    },
    'the member is not where the inventory says': {
      given: async () => {
        const before = readFileSync(world.lab.inventory, 'utf8')
        const swapped = before
          .replace(/etcd-1: h1/, 'etcd-1: H2')
          .replace(/etcd-2: h2/, 'etcd-2: h1')
          .replace('H2', 'h2')
        expect(swapped).not.toBe(before)
        writeFileSync(world.lab.inventory, swapped)
        return () => writeFileSync(world.lab.inventory, before)
      },
      says: /etcd-1.*(h2|inventory)/i,
    },
    'the cluster IDs differ': {
      given: async () => {
        const { layout } = world.lab.host('h3')
        const environment = readFileSync(layout.environment, 'utf8')
        await world.lab.run('h3', 'etcd-stop')
        renameSync(layout.dataDir, `${layout.dataDir}.kept`)
        writeFileSync(
          layout.environment,
          environment
            .replace(
              /^(ETCD_INITIAL_CLUSTER=).*/m,
              (_, key: string) => `${key}etcd-3=${peerUrlIn(environment)}`,
            )
            .replace(/^(ETCD_INITIAL_CLUSTER_STATE=).*/m, '$1new'),
        )
        await world.lab.run('h3', 'etcd-start')
        await until('the foreign member to serve', async () => (await membersNow(world)).length === 3)
        return async () => {
          await world.lab.run('h3', 'etcd-stop')
          rmSync(layout.dataDir, { recursive: true })
          renameSync(`${layout.dataDir}.kept`, layout.dataDir)
          writeFileSync(layout.environment, environment)
          await started('h3')
        }
      },
      says: /belong to different clusters/,
    },
    'an alarm is raised': {
      given: async () => {
        await alarm('ACTIVATE')
        return () => alarm('DEACTIVATE')
      },
      says: /NOSPACE/,
    },
    'the destination has too little disk': {
      given: async () => {
        const place = dirname(world.lab.host('h4').layout.dataDir)
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', place])
        return () => void execFileSync('umount', [place])
      },
      says: /h4.*(free|space|room)/i,
    },
    'the destination cannot reach the peers': {
      given: inNetworkOfItsOwn,
      says: /h4 does not reach the peer port of h2/,
    },
    'the destination does not answer': {
      given: async () => {
        await world.lab.stopHost('h4')
        return () => world.lab.startHost('h4')
      },
      says: /h4.*(refused|reach|answer)/i,
    },
    'the destination has another host key than is known': {
      given: async () => {
        const file = join(world.lab.directory, 'ssh/known_hosts')
        const before = readFileSync(file, 'utf8')
        const keys = before.split('\n').filter(Boolean)
        const [first = ''] = keys
        const blob = first.split(' ').at(2) ?? ''
        const changed = keys.map((line) =>
          line.includes(`]:${world.lab.host('h4').sshPort} `)
            ? line.replace(line.split(' ').at(2) ?? '', blob)
            : line,
        )
        writeFileSync(file, `${changed.join('\n')}\n`)
        await world.worker.stop()
        await world.worker.start()
        return () => writeFileSync(file, before)
      },
      says: /shows the key SHA256:.* expects/,
    },
    'the destination is the host it is on': {
      inputs: { to: 'h1' },
      given: async () => () => undefined,
      says: /h1/,
    },
  }

  // A small disk is made by a mount, a broken network by a namespace: both take root on Linux.
  const isRoot = process.platform === 'linux' && process.getuid?.() === 0
  const needRoot = new Set(['the destination has too little disk', 'the destination cannot reach the peers'])
  describe.each(Object.entries(cases))('%s', (name, { given, inputs, says }) => {
    const possible = isRoot || !needRoot.has(name)
    const refused = possible ? test : test.skip
    refused(
      'is refused, and nothing is changed',
      async () => {
        const undo = await given()
        try {
          const before = await footprint(world)
          const run = await world.start({ cluster: 'demo', member: 'etcd-1', to: 'h4', ...inputs })
          const error = await run.result().then(
            () => undefined,
            (reason: unknown) => reason,
          )
          expect(messageOf(error)).toMatch(says)
          expect(messageOf(error)).toMatch(/nothing (was|is) (changed|touched)/i)
          expect(await footprint(world)).toEqual(before)
          const { run: identity } = await run.status()
          expect(jobsOf(world, identity.key)).toEqual([])
        } finally {
          await undo()
          await healthy()
        }
      },
      90_000,
    )
  })

  const healthy = (): Promise<void> =>
    until('the cluster to be healthy again', async () => {
      const members = await membersNow(world).catch(() => [])
      return members.length === 3 && new Set(members.map(({ hash }) => hash)).size === 1
    })

  /** Boots h4 in a network namespace: the worker reaches it, and it reaches nobody's loopback but its own. */
  async function inNetworkOfItsOwn(): Promise<() => Promise<void>> {
    const { sshPort, layout } = world.lab.host('h4')
    const name = `quorate-${process.pid}`
    const [here, there] = ['10.231.77.1', '10.231.77.2']
    const ip = (...words: string[]): unknown => execFileSync('ip', words)
    const knownHosts = join(world.lab.directory, 'ssh/known_hosts')
    const before = [world.lab.inventory, knownHosts].map(
      (file) => [file, readFileSync(file, 'utf8')] as const,
    )

    await world.lab.stopHost('h4')
    ip('netns', 'add', name)
    ip('link', 'add', `q${process.pid}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
    ip('addr', 'add', `${here}/30`, 'dev', `q${process.pid}`)
    ip('link', 'set', `q${process.pid}`, 'up')
    ip('-n', name, 'addr', 'add', `${there}/30`, 'dev', 'eth0')
    ip('-n', name, 'link', 'set', 'eth0', 'up')
    ip('-n', name, 'link', 'set', 'lo', 'up')
    const words = ['--dir', layout.root, '--port', String(sshPort), '--address', there, '--lab', world.lab.id]
    const host = spawn('ip', ['netns', 'exec', name, process.execPath, hostProgram, ...words], {
      stdio: 'pipe',
    })
    let said = ''
    host.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
    await until('h4 to listen in its own network', () => said.includes('listening'))
    edit(world.lab.inventory, (text) => {
      const document = parseDocument(text)
      document.setIn(['hosts', 'h4', 'address'], there)
      return document.toString()
    })
    edit(knownHosts, (text) => text.replace(`[127.0.0.1]:${sshPort} `, `[${there}]:${sshPort} `))
    return async () => {
      host.kill()
      await until('h4 to end in its own network', () => host.exitCode !== null || host.signalCode !== null)
      ip('netns', 'del', name)
      for (const [file, text] of before) writeFileSync(file, text)
      await world.lab.startHost('h4')
    }
  }

  async function started(host: string): Promise<void> {
    const { code, output } = await world.lab.run(host, 'etcd-start')
    if (code !== 0) throw new Error(output)
  }

  async function alarm(action: 'ACTIVATE' | 'DEACTIVATE'): Promise<void> {
    const { address, clientPort } = world.lab.host('h2')
    const member = (await membersNow(world)).find(({ endpoint }) => endpoint.endsWith(`:${clientPort}`))
    const answer = await fetch(`http://${address}:${clientPort}/v3/maintenance/alarm`, {
      method: 'POST',
      body: JSON.stringify({
        action,
        memberID: BigInt(`0x${member?.memberId}`).toString(),
        alarm: 'NOSPACE',
      }),
    })
    expect(answer.status).toBe(200)
  }
})

const hostProgram = resolve(__dirname, '../dist/lab/host/main.js')

const edit = (file: string, change: (text: string) => string): void =>
  writeFileSync(file, change(readFileSync(file, 'utf8')))

const peerUrlIn = (environment: string): string =>
  /^ETCD_INITIAL_ADVERTISE_PEER_URLS=["']?([^"'\n]*)/m.exec(environment)?.[1] ?? ''

/** What the run ended with, in its own words. */
function messageOf(error: unknown): string {
  if (error instanceof WorkflowFailedError && error.cause instanceof ApplicationFailure)
    return error.cause.message
  return String(error)
}
