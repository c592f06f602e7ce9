import type { Door } from '../../client/door.ts'
import type { RunSnapshot } from '../../client/run.ts'
import { measureDowntime } from '../../lab/downtime.ts'
import { fill, startWriter } from '../../lab/writer.ts'
import { follow } from '../follow.ts'
import type { Stack } from '../stack.ts'
import type { Terminal } from '../terminal.ts'
import { endpointOf, lookAt } from './measure.ts'
import type { DemoFigures } from './report.ts'

export interface Play {
  readonly stack: Stack
  readonly door: Door
  readonly terminal: Terminal
  readonly by: string
  readonly silent: boolean
  readonly startedMs: number
  readonly signal: AbortSignal
}

const KEYS = 20_000
const MEMBER = 'etcd-2'
const RUNBOOK = 'etcd-migrate-node'

/** Moves one member of the lab while a client writes, and measures everything from outside. */
export async function play({
  stack,
  door,
  terminal,
  by,
  silent,
  startedMs,
  signal,
}: Play): Promise<DemoFigures> {
  const { lab } = stack
  const from = lab.members[MEMBER] ?? ''
  const [to = ''] = lab.spares
  const hostsBefore = Object.values(lab.members)
  const hostsAfter = hostsBefore.map((host) => (host === from ? to : host))
  const endpoints = (hosts: readonly string[]) => hosts.map((host) => endpointOf(lab, host))
  const [oldEndpoint, newEndpoint] = [endpointOf(lab, from), endpointOf(lab, to)]

  terminal.err(`Writing ${KEYS.toLocaleString('en')} keys …`)
  await fill(endpoints(hostsBefore), KEYS)
  const before = await lookAt(endpoints(hostsBefore), oldEndpoint)
  signal.throwIfAborted()

  const writer = startWriter({ endpoints: endpoints([...hostsBefore, to]) })
  const downtime = measureDowntime([oldEndpoint, newEndpoint])
  try {
    const { startRun } = await import('../../client/start-run.ts')
    const inputs = { cluster: lab.cluster, member: MEMBER, to, stable: '3s' }
    const id = await startRun(door, { runbook: RUNBOOK, cluster: lab.cluster, inputs, by })
    terminal.err(
      `A client keeps writing. Moving ${MEMBER} from ${from} to ${to}; in the browser:\n${runUrl(id)}\n`,
    )
    const run = await follow(door, id, { terminal, silent, untilWaiting: true, signal })
    signal.throwIfAborted()
    const [figures, down] = [await writer.stop(), downtime.stop()]
    const seen = run?.ending?.phase === 'done' ? await lookAfter() : {}
    return { ...common(id, run), writer: figures, downtime: down, ...seen }
  } finally {
    await writer.stop()
    downtime.stop()
  }

  function runUrl(id: string): string {
    const { uiUrl, namespace } = stack.temporal
    return `${uiUrl}/namespaces/${namespace}/workflows/${id}`
  }

  async function lookAfter() {
    const after = await lookAt(endpoints(hostsAfter), newEndpoint, before.member.revision)
    const verification = await writer.verify(newEndpoint)
    const { code } = await lab.run(from, 'etcd-status')
    return { after, verification, oldRuns: code !== NOT_RUNNING }
  }

  function common(id: string, run: RunSnapshot | undefined) {
    return {
      etcd: stack.etcdVersion,
      member: MEMBER,
      from,
      to,
      keysWritten: KEYS,
      ...(run === undefined ? {} : { run }),
      before,
      newEndpoint,
      tookMs: Date.now() - startedMs,
      uiUrl: runUrl(id),
      record: stack.record,
    }
  }
}

const NOT_RUNNING = 3
