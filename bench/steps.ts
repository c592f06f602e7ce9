// What the record costs a step: `npm run bench:steps`. Prints a table; takes about two minutes.
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { z } from 'zod'
import { type Action, defineAction } from '../activities/action.ts'
import { createEnvironment, type Environment } from '../activities/environment.ts'
import { executeAction } from '../activities/execute.ts'
import type { RecordPort } from '../activities/record.ts'
import { sha256 } from '../audit/chain.ts'
import { openStore } from '../audit/open.ts'
import { preparePostgres } from '../audit/postgres.ts'
import type { Inventory } from '../dsl/inventory.ts'
import { launchHosts } from '../lab/host/fixture.ts'
import { startPostgres, whyNoPostgres } from '../lab/postgres.ts'

const ROUNDS = 5
const STEPS = 60

/** As a record, but nothing is kept: what a step takes by itself. */
const off: RecordPort = {
  append: () => Promise.resolve(),
  putBlob: (content) => Promise.resolve(sha256(content)),
}

const directory = mkdtempSync(join(process.env['QUORATE_BENCH'] ?? tmpdir(), 'quorate-bench-'))
const postgres = whyNoPostgres() === undefined ? await startPostgres() : undefined
const lab = await launchHosts(['a'])
try {
  console.log(`${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores, Node ${process.version}`)
  const sqlite = await openStore(join(directory, 'record.db'))
  const ports: [string, RecordPort][] = [
    ['off', off],
    ['SQLite', sqlite],
  ]
  const closing = [sqlite]
  if (postgres === undefined) console.log(whyNoPostgres())
  else {
    await preparePostgres(await postgres.createDatabase('steps'), 'worker')
    const store = await openStore(postgres.url('steps', 'worker'))
    ports.push(['Postgres', store])
    closing.push(store)
  }
  const inventory: Inventory = { ...lab.inventory, file: 'inventory.yaml', clusters: {} }
  const kinds: [string, Action][] = [
    ['a look, with one command on a host', acting('read', 1)],
    ['a change, with one command on a host', acting('change', 1)],
    ['a change, with five commands on a host', acting('change', 5)],
  ]
  console.log(
    `\n| a step | record off | ${ports
      .slice(1)
      .map(([name]) => name)
      .join(' | ')} |`,
  )
  console.log(`| --- | ---${' | ---'.repeat(ports.length - 1)} |`)
  for (const [what, action] of kinds) {
    const times = await measured(action, ports, inventory)
    const [plain = NaN, ...others] = times
    const cells = others.map((ms) => `${ms.toFixed(1)} ms (+${(ms - plain).toFixed(1)})`)
    console.log(`| ${what} | ${plain.toFixed(1)} ms | ${cells.join(' | ')} |`)
  }
  for (const store of closing) await store.close()
} finally {
  await lab.stop()
  await postgres?.stop()
  rmSync(directory, { recursive: true })
}

function acting(effect: 'read' | 'change', commands: number): Action {
  return defineAction({
    ...{ name: 'bench.act', title: 'act', doc: 'Acts.', effect, subject: [], example: {} },
    input: z.strictObject({}),
    output: z.strictObject({ done: z.int() }),
    run: async (_input, context) => {
      for (let at = 0; at < commands; at++) await context.host('a').exec({ argv: ['true'] })
      return { done: commands }
    },
  })
}

/** The median of each, taken in turn, so that a busy moment meets all of them. Milliseconds. */
async function measured(
  action: Action,
  ports: readonly [string, RecordPort][],
  inventory: Inventory,
): Promise<readonly number[]> {
  const environments = ports.map(([, record]) =>
    createEnvironment({ loadInventory: () => Promise.resolve(inventory), record }),
  )
  const times = ports.map((): number[] => [])
  for (const environment of environments) await step(action, environment, 'warm')
  for (let round = 0; round < ROUNDS; round++)
    for (const [at, environment] of environments.entries())
      for (let number = 0; number < STEPS; number++) {
        const began = performance.now()
        await step(action, environment, `${round}.${number}`)
        times[at]?.push(performance.now() - began)
      }
  for (const environment of environments) await environment.close()
  return times.map(median)
}

async function step(action: Action, environment: Environment, id: string): Promise<void> {
  const run = { id: 'bench', key: `${action.effect}-${id}`, runbook: 'bench', hash: '' }
  const request = { run, step: 's', with: {}, undo: false }
  const signal = new AbortController().signal
  await executeAction(action, request, environment, { id, number: 1, signal, heartbeat: () => undefined })
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? NaN
}
