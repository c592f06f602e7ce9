import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Command, Invocation } from '../command.ts'
import { whoAsks } from '../door.ts'
import { type DemoFigures, findings, reportJson, reportText } from '../demo/report.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { homeDirectory, readUp } from '../home.ts'
import { onInterrupt } from '../interrupt.ts'
import type { Stack } from '../stack.ts'
import { etcdFlag, etcdMinor, keepUp, takeDirectory } from './up.ts'

export const demo: Command = {
  name: 'demo',
  usage: '[--keep] [--etcd 3.5|3.6|3.7]',
  summary: 'move an etcd member to another host here, and measure it',
  details: `Brings up three etcd members and a spare host, a Temporal dev server and a worker, all on this machine;
writes 20,000 keys, keeps a client writing, moves a member, and reports what it measured. Exit code 0 only if
no acknowledged write was lost and everything else held. Ctrl-C ends everything at any moment.`,
  flags: {
    keep: { type: 'boolean', help: 'leave it all up afterwards, until Ctrl-C, and say what to try next' },
    etcd: etcdFlag,
  },
  positionals: { min: 0, max: 0 },
  async run(invocation) {
    const { environment, flags, terminal } = invocation
    const startedMs = Date.now()
    const minor = etcdMinor(flags.text('etcd'))
    const interrupt = onInterrupt()
    try {
      const directory = takeDirectory(homeDirectory(environment), 'demo')
      const { startStack } = await import('../stack.ts')
      const stack = await startStack({
        directory,
        etcd: minor,
        environment,
        say: terminal.err,
        signal: interrupt.signal,
      })
      return await perform({ invocation, stack, directory, startedMs, signal: interrupt.signal })
    } catch (error) {
      if (!interrupt.signal.aborted) throw error
      terminal.err('\nInterrupted; nothing is left running.')
      return exitCodes.interrupted
    } finally {
      interrupt.release()
    }
  },
}

interface Performing {
  readonly invocation: Invocation
  readonly stack: Stack
  readonly directory: string
  readonly startedMs: number
  readonly signal: AbortSignal
}

async function perform({ invocation, stack, directory, startedMs, signal }: Performing): Promise<ExitCode> {
  const { environment, flags, terminal } = invocation
  let held = false
  try {
    const figures = await playThrough({ invocation, stack, directory, startedMs, signal })
    held = findings(figures).every((finding) => finding.held)
    terminal.out(
      flags.on('json')
        ? JSON.stringify(reportJson(figures), null, 2)
        : reportText(figures, terminal.colour, flags.on('keep')),
    )
    if (!flags.on('keep')) return held ? exitCodes.done : exitCodes.failed
    if (readUp(homeDirectory(environment)) === undefined) {
      terminal.out('')
      await keepUp({ stack, command: 'demo', invocation, signal })
    }
    return held ? exitCodes.done : exitCodes.failed
  } finally {
    await stack.stop()
    // Some hundred megabytes nobody looks at again; what explains a failure stays.
    if (held) rmSync(join(directory, 'lab', 'hosts'), { recursive: true, force: true })
  }
}

async function playThrough({ invocation, stack, startedMs, signal }: Performing): Promise<DemoFigures> {
  const { environment, flags, terminal } = invocation
  const { openDoor } = await import('../../client/door.ts')
  const { play } = await import('../demo/play.ts')
  const { onlyServer } = await import('../worker-process.ts')
  const door = await openDoor({ environment: onlyServer({}, stack.temporal.address) })
  try {
    const by = whoAsks(environment)
    return await play({ stack, door, terminal, by, silent: flags.on('json'), startedMs, signal })
  } finally {
    await door.close()
  }
}
