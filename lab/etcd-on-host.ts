import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { etcdPid, type LabHostSetup, logTail, runOnHost } from './lab-host.ts'
import type { LabHostFacts } from './lab-inventory.ts'

/** What an init system does at boot. */
export async function bootEtcd(setup: LabHostSetup, signal: AbortSignal): Promise<void> {
  const { environment, disabled } = setup.facts.layout
  if (!existsSync(environment) || existsSync(disabled)) return
  signal.throwIfAborted()
  const { code, output } = await runOnHost(setup, 'etcd-start')
  signal.throwIfAborted()
  if (code !== 0) throw new Error(`etcd did not start on lab host ${setup.facts.name}: ${output}`)
}

/** Throws with the end of its log when a member is not healthy within a minute. */
export async function untilHealthy(setups: readonly LabHostSetup[], signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + HEALTHY_WITHIN_MS
  for (const setup of setups) {
    while (!(await isHealthy(setup.facts))) {
      signal.throwIfAborted()
      if (Date.now() > deadline) {
        throw new Error(
          `The member on lab host ${setup.facts.name} was not healthy within ${HEALTHY_WITHIN_MS / 1000} s; ` +
            logTail(setup.facts.layout.etcdLog),
        )
      }
      await sleep(50)
    }
  }
}

const HEALTHY_WITHIN_MS = 60_000

/** etcd's own word, which includes a linearizable read. */
async function isHealthy({ address, clientPort }: LabHostFacts): Promise<boolean> {
  try {
    const response = await fetch(`http://${address}:${clientPort}/health`, {
      signal: AbortSignal.timeout(2000),
    })
    return response.ok
  } catch {
    return false
  }
}

/** Returns, after SIGKILL, when the process is gone. Throws when etcd does not run. */
export async function signalEtcd(setup: LabHostSetup, signal: NodeJS.Signals): Promise<void> {
  const pid = await etcdPid(setup)
  if (pid === undefined) throw new Error(`etcd does not run on lab host ${setup.facts.name}.`)
  process.kill(pid, signal)
  if (signal !== 'SIGKILL') return
  const deadline = Date.now() + 10_000
  while ((await etcdPid(setup)) !== undefined) {
    if (Date.now() > deadline)
      throw new Error(`etcd (process ${pid}) on lab host ${setup.facts.name} cannot be killed.`)
    await sleep(20)
  }
}
