import type { Door } from '../client/door.ts'
import type { RunSnapshot } from '../client/run.ts'
import { watchRun } from '../client/watch-run.ts'
import { lineWriter } from './plain-lines.ts'
import { type Controls, liveShower } from './live.ts'
import { jsonLineWriter } from './run-lines.ts'
import type { Shower } from './shower.ts'
import type { Terminal } from './terminal.ts'

export interface FollowOptions {
  readonly terminal: Terminal
  /** One JSON object a line, for each change while the run is open, instead of a view. */
  readonly json?: boolean
  /** Nothing is shown. */
  readonly silent?: boolean
  /** Where decisions made at the keys go; without it there are no keys. */
  readonly controls?: Controls
  /** Return when the run waits for a person, too. */
  readonly untilWaiting: boolean
  readonly signal?: AbortSignal
}

/**
 * Shows how a run goes on until it is closed (or waits, or `signal` aborts) and returns how it was seen last;
 * undefined when it was never seen.
 */
export async function follow(
  door: Door,
  id: string,
  options: FollowOptions,
): Promise<RunSnapshot | undefined> {
  const show = options.silent === true ? nothing : shower(options)
  let last: RunSnapshot | undefined
  try {
    const signal = options.signal === undefined ? {} : { signal: options.signal }
    for await (const sight of watchRun(door, id, signal)) {
      if (sight.kind === 'seen') last = sight.run
      show.see(last, sight.kind === 'unreachable' ? sight.sinceMs : undefined)
      if (options.untilWaiting && last !== undefined && waitsForPerson(last)) break
    }
  } finally {
    show.end()
  }
  return last
}

/** Nothing happens any more until somebody decides. */
export function waitsForPerson({ open, status }: RunSnapshot): boolean {
  return open && (status?.view.phase === 'waiting' || status?.view.phase === 'paused')
}

const nothing: Shower = { see: () => undefined, end: () => undefined }

function shower({ terminal, json, controls }: FollowOptions): Shower {
  if (json === true) return jsonShower(terminal)
  return terminal.live ? liveShower(terminal, controls) : plainShower(terminal)
}

function jsonShower(terminal: Terminal): Shower {
  const lines = jsonLineWriter()
  return {
    see(run) {
      const line = run === undefined || !run.open ? undefined : lines(run, Date.now())
      if (line !== undefined) terminal.out(JSON.stringify(line))
    },
    end: () => undefined,
  }
}

function plainShower(terminal: Terminal): Shower {
  const lines = lineWriter()
  return {
    see(run, unreachableSinceMs) {
      const { columns } = terminal.size()
      const options = { columns: Math.max(columns, 100), colour: terminal.colour, now: Date.now() }
      const silence = unreachableSinceMs === undefined ? {} : { unreachableSinceMs }
      if (run !== undefined) lines(run, { ...options, ...silence }).forEach((line) => terminal.out(line))
    },
    end: () => undefined,
  }
}
