import type { NewEvent } from '../audit/event.ts'
import type { Archive } from '../audit/archive.ts'

/** What a command leaves on record: the event that most of a record consists of. */
export function commandDone(run: string, id: string): NewEvent {
  const output = 'Member 8e9e05c52164694d removed from cluster ef37ad9dc622a7c4\n'
  return {
    run,
    workflow: `bench-${run}`,
    id,
    at: new Date().toISOString(),
    name: 'command.done',
    step: 'replace[etcd-3]/remove',
    action: 'etcd.member_remove',
    attempt: 1,
    host: 'etcd-1',
    data: {
      kind: 'job',
      argv: ['etcdctl', '--endpoints', 'https://10.0.0.11:2379', 'member', 'remove', '8e9e05c52164694d'],
      key: `${run}-${id}`,
      ms: 412,
      code: 0,
      stdout: {
        bytes: output.length,
        sha256: 'c0535e4be2b79ffd93291305436bf889314e4a3faec05ecffcbb7df31ad9e51a',
        head: output,
        tail: '',
      },
      stderr: {
        bytes: 0,
        sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
        head: '',
        tail: '',
      },
    },
  }
}

/** Puts `runs` runs of `events` events each on record, each with a beginning and an end. */
export async function fill(store: Archive, runs: number, events: number): Promise<void> {
  const program = await store.putBlob(Buffer.from('{"runbook":"etcd-replace-member"}'))
  let waiting: NewEvent[] = []
  for (let number = 0; number < runs; number++) {
    const run = `run-${String(number).padStart(6, '0')}`
    const beganMs = Date.parse('2026-01-01T00:00:00Z') + number * 60_000
    const whole = wholeRun(run, number, beganMs, events, program)
    waiting.push(...whole)
    if (waiting.length < 2000 && number < runs - 1) continue
    await store.append(waiting)
    waiting = []
  }
}

const people = ['anna', 'ben', 'cleo', 'dora']
const runbooks = ['etcd-recover', 'etcd-replace-member', 'etcd-backup', 'etcd-rolling-upgrade']

function wholeRun(run: string, number: number, beganMs: number, events: number, program: string): NewEvent[] {
  const common = { run, workflow: `bench-${run}` }
  return [
    {
      ...common,
      id: 'began',
      at: new Date(beganMs).toISOString(),
      name: 'run.began',
      data: {
        runbook: runbooks[number % runbooks.length] ?? '',
        title: 'A run of the benchmark',
        hash: program,
        program,
        inputs: { host: 'etcd-3' },
        by: people[number % people.length] ?? '',
        reason: `Disk of host ${number % 97} is full`,
        cluster: `prod-${number % 40}`,
      },
    },
    ...Array.from({ length: Math.max(0, events - 2) }, (_, index) => commandDone(run, `step/${index}`)),
    {
      ...common,
      id: 'ended',
      at: new Date(beganMs + 60_000).toISOString(),
      name: 'run.ended',
      data: {
        outcome: number % 10 === 0 ? 'failed' : 'done',
        message: number % 10 === 0 ? 'No quorum' : '',
        outputs: {},
        startedMs: beganMs,
        endedMs: beganMs + 60_000,
      },
    },
  ]
}
