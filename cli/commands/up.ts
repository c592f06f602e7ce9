import { mkdirSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isAlive, tryLock } from '../../lab/lock.ts'
import { type Command, type FlagSpec, type Invocation, UsageError } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Inventory } from '../../dsl/inventory.ts'
import { announceUp, homeDirectory, readUp, type Up } from '../home.ts'
import { onInterrupt } from '../interrupt.ts'
import type { Stack } from '../stack.ts'
import type { EtcdMinor } from '../../lab/binaries.ts'

export const etcdFlag: FlagSpec = {
  type: 'string',
  value: '3.5|3.6|3.7',
  help: 'which etcd the members run (default 3.6)',
}

export const up: Command = {
  name: 'up',
  usage: '[--etcd 3.5|3.6|3.7] [--clusters N]',
  summary: 'keep a lab, Temporal and a worker running here, until Ctrl-C',
  details: `Three etcd members and a spare host on loopback, a Temporal dev server with its UI, and a worker.
Other commands find it by themselves. It starts afresh each time. State lies under QUORATE_HOME, else
$XDG_STATE_HOME/quorate, else ~/.quorate.`,
  flags: {
    etcd: etcdFlag,
    clusters: {
      type: 'string',
      value: 'N',
      help: 'so many clusters, to try fleets: demo, and demo-2, demo-3, … of one member each (default 1)',
    },
  },
  positionals: { min: 0, max: 0 },
  async run(invocation) {
    const { terminal, environment, flags } = invocation
    const home = homeDirectory(environment)
    const running = readUp(home)
    if (running !== undefined) {
      if (flags.on('json')) terminal.out(JSON.stringify({ ...running, alreadyUp: true }))
      else
        terminal.out(
          `It is already up since ${running.since} (process ${running.pid}).\n\n${tryNext(running)}`,
        )
      return exitCodes.done
    }
    const minor = etcdMinor(flags.text('etcd'))
    const clusters = clusterCount(flags.text('clusters'))
    const interrupt = onInterrupt()
    const directory = takeDirectory(home, 'up')
    try {
      const { startStack } = await import('../stack.ts')
      const stack = await startStack({
        directory,
        etcd: minor,
        clusters,
        environment,
        say: terminal.err,
        signal: interrupt.signal,
      })
      try {
        await keepUp({ stack, command: 'up', invocation, signal: interrupt.signal })
      } finally {
        terminal.err('Ending everything …')
        await stack.stop()
      }
      return exitCodes.done
    } catch (error) {
      if (interrupt.signal.aborted) return exitCodes.interrupted
      throw error
    } finally {
      interrupt.release()
    }
  },
}

export const down: Command = {
  name: 'down',
  usage: '',
  summary: 'end a running `quorate up` (or `demo --keep`)',
  flags: {},
  positionals: { min: 0, max: 0 },
  async run({ terminal, environment, flags }) {
    const running = readUp(homeDirectory(environment))
    if (running !== undefined) {
      process.kill(running.pid, 'SIGTERM')
      const deadline = Date.now() + DOWN_WITHIN_MS
      while (isAlive(running.pid)) {
        if (Date.now() > deadline)
          throw new Error(`Process ${running.pid} did not end within ${DOWN_WITHIN_MS / 1000} s.`)
        await sleep(50)
      }
    }
    if (flags.on('json')) terminal.out(JSON.stringify({ ended: running?.pid ?? null }))
    else terminal.out(running === undefined ? 'Nothing is up.' : 'It is down.')
    return exitCodes.done
  },
}

export function etcdMinor(text = '3.6'): EtcdMinor {
  const minor = MINORS.find((known) => known === text)
  if (minor === undefined) throw new UsageError(`--etcd ${text} is none of ${MINORS.join(', ')}.`)
  return minor
}

function clusterCount(text = '1'): number {
  if (/^[1-9]$/.test(text)) return Number(text)
  throw new UsageError(`--clusters takes a number from 1 to 9, not "${text}".`)
}

/** A stack's own directory below the home; throws when another process works there. */
export function takeDirectory(home: string, name: string): string {
  const directory = join(home, name)
  mkdirSync(directory, { recursive: true })
  const lock = tryLock(join(directory, 'running'))
  if (lock.kind === 'locked') return directory
  const who =
    lock.holder === undefined ? 'another process' : `process ${lock.holder.pid}, since ${lock.holder.since}`
  throw new UsageError(
    `\`quorate ${name}\` already works in ${directory} (${who}): end it first, or set QUORATE_HOME to another directory.`,
  )
}

export interface Keeping {
  readonly stack: Stack
  readonly command: Up['command']
  readonly invocation: Invocation
  readonly signal: AbortSignal
}

/** Tells where everything is and waits for Ctrl-C. */
export async function keepUp({ stack, command, invocation, signal }: Keeping): Promise<void> {
  const { terminal, environment, flags } = invocation
  const { loadInventory } = await import('../../worker/inventory.ts')
  const inventory = await loadInventory(stack.lab.inventory)
  const up: Up = {
    pid: process.pid,
    command,
    since: new Date().toISOString(),
    address: stack.temporal.address,
    namespace: stack.temporal.namespace,
    uiUrl: stack.temporal.uiUrl,
    inventory: stack.lab.inventory,
    state: stack.directory,
    etcd: stack.etcdVersion,
    ...runbooksOf(environment),
    next: nextMove(inventory, stack.lab.cluster),
    others: Object.keys(inventory.clusters).filter((name) => name !== stack.lab.cluster),
  }
  const takeBack = announceUp(homeDirectory(environment), up)
  try {
    terminal.out(
      flags.on('json') ? JSON.stringify(up) : `${tryNext(up)}\n\nCtrl-C (or \`quorate down\`) ends it.`,
    )
    await aborted(signal)
  } finally {
    takeBack()
  }
}

function runbooksOf({ QUORATE_RUNBOOKS: set = '' }: NodeJS.ProcessEnv): Pick<Up, 'runbooks'> {
  const directories = set.split(delimiter).filter((directory) => directory !== '')
  if (directories.length === 0) return {}
  return { runbooks: directories.map((directory) => resolve(directory)).join(delimiter) }
}

/** A member that can be moved now, and where to. */
function nextMove({ clusters }: Inventory, cluster: string): Up['next'] {
  const { members = {}, spares = [] } = clusters[cluster] ?? {}
  return { cluster, member: Object.keys(members)[0] ?? '', to: spares[0] ?? '' }
}

function tryNext({ etcd, uiUrl, address, namespace, inventory, state, next, others = [] }: Up): string {
  const more = others.length === 0 ? '' : ` ${others.join(', ')} of one member each,`
  return `Up: three etcd ${etcd} members (cluster ${next.cluster}, ${next.to} is free),${more} Temporal, and a worker.

  The runs in the browser  ${uiUrl}/namespaces/${namespace}/workflows
  The inventory            ${inventory}
  The record               ${join(state, 'audit', 'record.db')}

In another terminal, without any setting:

  quorate run etcd-migrate-node --cluster ${next.cluster} --input member=${next.member} --input to=${next.to}
  quorate runs
  quorate inventory check

Meanwhile, to see that the run goes on where it was (the worker is started again by itself):

  kill -9 $(cat ${join(state, 'worker.pid')})

Other tools of Temporal's find it with

  export TEMPORAL_ADDRESS=${address}`
}

const MINORS: readonly EtcdMinor[] = ['3.5', '3.6', '3.7']
const DOWN_WITHIN_MS = 30_000

function aborted(signal: AbortSignal): Promise<void> {
  // A listener alone keeps no process alive.
  const alive = setInterval(() => undefined, 60_000)
  return new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  }).finally(() => clearInterval(alive))
}
