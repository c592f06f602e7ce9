import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { catalogue } from '../activities/catalogue.ts'
import { createEnvironment, type Environment } from '../activities/environment.ts'
import { executeAction } from '../activities/execute.ts'
import type { Inventory } from '../dsl/inventory.ts'
import { readInventory } from '../dsl/inventory-file.ts'
import type { Json } from '../dsl/program.ts'
import { createBinaryFinder, type EtcdMinor } from '../lab/binaries.ts'
import { type Lab, startProcessLab } from '../lab/process.ts'
import { unrecorded } from '../activities/record.ts'

/** A process lab on which actions are performed as a worker would, without Temporal. */
export interface LabActions {
  readonly lab: Lab
  readonly root: string
  readonly environment: Environment
  inventory(): Inventory
  /** Each time as another step of the run, unless the step is named. */
  act(action: string, input?: Inputs, as?: Acting): Promise<Outputs>
  close(): Promise<void>
}

type Inputs = Readonly<Record<string, Json>>
// Tests read what their action surely answers; the catalogue's own test holds answers against their schemas.
// oxlint-disable-next-line typescript/no-explicit-any
type Outputs = Readonly<Record<string, any>>

interface Acting {
  readonly quorum?: 'kept' | 'lost'
  readonly run?: string
  readonly step?: string
  /** As when the worker stops. */
  readonly signal?: AbortSignal
}

export async function startLabActions(options: {
  readonly minor?: EtcdMinor
  readonly members?: number
  readonly spares?: number
  /** More variables for each member, `ETCD_QUOTA_BACKEND_BYTES` say. */
  readonly environment?: Readonly<Record<string, string>>
  /** Lets the inventory say more than the lab's does. */
  readonly inventory?: (text: string) => string
}): Promise<LabActions> {
  const {
    minor = '3.6',
    members = 3,
    spares = 1,
    environment: variables = {},
    inventory: more = (text) => text,
  } = options
  const root = mkdtempSync(join(tmpdir(), 'quorate-actions-'))
  const { etcd, etcdctl, etcdutl } = await createBinaryFinder().etcd(minor)
  const programs = { etcd, etcdctl, etcdutl }
  const lab = await startProcessLab({
    directory: join(root, 'lab'),
    programs,
    members,
    spares,
    environment: variables,
  })
  const inventory = (): Inventory => {
    const file = lab.inventory
    const text = more(readFileSync(file, 'utf8'))
    const read = readInventory({ file, text, baseDirectory: dirname(file), home: homedir() })
    if (!read.ok) throw new Error(JSON.stringify(read.problems))
    return read.value
  }
  const environment = createEnvironment({
    loadInventory: async () => inventory(),
    record: unrecorded,
    ssh: { reconnectMs: 3000 },
  })
  let steps = 0
  return {
    ...{ lab, root, environment, inventory },
    async act(action, input = {}, acting = {}) {
      const { quorum = 'kept', run = 'run', step = `step-${(steps += 1)}` } = acting
      const found = catalogue.get(action)
      if (!found) throw new Error(`no action ${action}`)
      const identity = { id: run, key: run, runbook: 'test', hash: '', cluster: lab.cluster }
      const request = { run: identity, step, with: { cluster: lab.cluster, ...input }, undo: false, quorum }
      const attempt = {
        id: step,
        number: 1,
        signal: acting.signal ?? new AbortController().signal,
        heartbeat: () => undefined,
      }
      return (await executeAction(found, request, environment, attempt)) as Outputs
    },
    async close() {
      await environment.close()
      await lab.stop()
      rmSync(root, { recursive: true, force: true })
    },
  }
}
