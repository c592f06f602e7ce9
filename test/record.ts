import type { NewEvent } from '../audit/event.ts'
import type { Store } from '../audit/store.ts'

/** A run as it would be on record, for tests of the record itself. */
export interface RecordedRun {
  readonly run: string
  readonly cluster?: string
  readonly runbook?: string
  readonly by?: string
  readonly reason?: string
  /** Milliseconds since 1970. */
  readonly beganMs?: number
  readonly outcome?: 'done' | 'failed'
  readonly message?: string
  /** Somebody who decided something in it. */
  readonly decidedBy?: string
  /** How many commands it ran: two events each. */
  readonly commands?: number
  /** It has not ended. */
  readonly open?: boolean
  /** Of blobs: its program, and what its last command printed. */
  readonly program: string
  readonly printed?: string
}

/** Puts the blobs, then the events of a run into a store, in one call. */
export async function record(
  store: Store,
  run: Omit<RecordedRun, 'program' | 'printed'> & { readonly prints?: string },
): Promise<void> {
  const program = await store.putBlob(Buffer.from(`{"runbook":"${run.runbook ?? 'etcd-recover'}"}`))
  const printed = run.prints === undefined ? undefined : await store.putBlob(Buffer.from(run.prints))
  await store.append(recordedEvents({ ...run, program, ...(printed === undefined ? {} : { printed }) }))
}

export function recordedEvents(run: RecordedRun): NewEvent[] {
  const { beganMs = Date.parse('2026-03-01T10:00:00Z'), commands = 2, outcome = 'done' } = run
  const at = (ms: number): string => new Date(beganMs + ms).toISOString()
  const common = { run: run.run, workflow: `${run.runbook ?? 'etcd-recover'}-${run.run}` }
  return [
    {
      ...common,
      id: 'began',
      at: at(0),
      name: 'run.began',
      data: {
        runbook: run.runbook ?? 'etcd-recover',
        title: 'Recover a cluster',
        hash: run.program,
        program: run.program,
        inputs: { hosts: ['etcd-1', 'etcd-2'] },
        by: run.by ?? 'anna',
        ...(run.reason === undefined ? {} : { reason: run.reason }),
        cluster: run.cluster ?? 'prod',
      },
    },
    ...Array.from({ length: commands }, (_, index) => command(index, index === commands - 1)).flat(),
    ...(run.decidedBy === undefined ? [] : [decided(run.decidedBy)]),
    ...(run.open === true
      ? []
      : [
          {
            ...common,
            id: 'ended',
            at: at(60_000),
            name: 'run.ended' as const,
            data: {
              outcome,
              message: run.message ?? '',
              outputs: {},
              startedMs: beganMs,
              endedMs: beganMs + 60_000,
            },
          },
        ]),
  ]

  function command(index: number, last: boolean): NewEvent[] {
    const argv = ['systemctl', 'restart', `etcd@${index}`]
    const place = { ...common, step: `restart[${index}]`, action: 'host.run', host: `etcd-${index}` }
    const nothing = { bytes: 0, sha256: '', head: '', tail: '' }
    return [
      {
        ...place,
        id: `restart[${index}]/1/command.begun`,
        at: at(1000 + index * 2),
        name: 'command.begun',
        data: { kind: 'exec', argv },
      },
      {
        ...place,
        id: `restart[${index}]/1/command.done`,
        at: at(1001 + index * 2),
        name: 'command.done',
        data: {
          kind: 'exec',
          argv,
          ms: 412,
          code: 0,
          stdout: { ...nothing, ...(last && run.printed !== undefined ? { blob: run.printed } : {}) },
          stderr: { ...nothing, bytes: 5, head: 'warn\n' },
        },
      },
    ]
  }

  function decided(by: string): NewEvent {
    return {
      ...common,
      id: 'decision/1',
      at: at(50_000),
      name: 'person.decided',
      data: { entry: { kind: 'decision', number: 2, decision: 'approve', by, comment: 'looks right' } },
    }
  }
}

export async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = []
  for await (const item of items) found.push(item)
  return found
}
