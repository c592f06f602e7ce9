import type { Door } from '../client/door.ts'
import type { RunSnapshot } from '../client/run.ts'
import { watchRun } from '../client/watch-run.ts'
import { lineWriter } from './plain-lines.ts'
import { openScreen } from './screen.ts'
import type { Terminal } from './terminal.ts'
import { renderView } from './view.ts'

export interface FollowOptions {
  readonly terminal: Terminal
  /** One JSON object a line, for each change, instead of a view. */
  readonly json?: boolean
  /** Nothing is shown. */
  readonly silent?: boolean
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

interface Shower {
  see(run: RunSnapshot | undefined, unreachableSinceMs: number | undefined): void
  end(): void
}

const nothing: Shower = { see: () => undefined, end: () => undefined }

function shower({ terminal, json }: FollowOptions): Shower {
  if (json === true) return jsonShower(terminal)
  return terminal.live ? liveShower(terminal) : plainShower(terminal)
}

function jsonShower(terminal: Terminal): Shower {
  let said = ''
  return {
    see(run) {
      const text = JSON.stringify(run)
      if (text !== said && text !== undefined) terminal.out(text)
      said = text
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

/** Drawn ten times a second, so that what lasts is seen to last, however often the run is asked. */
function liveShower(terminal: Terminal): Shower {
  const screen = openScreen(terminal)
  let seen: RunSnapshot | undefined
  let silentSinceMs: number | undefined
  const draw = (): void => {
    if (seen === undefined) return
    const silence = silentSinceMs === undefined ? {} : { unreachableSinceMs: silentSinceMs }
    // A closed run is shown whole, however long: nothing is drawn over it any more.
    const { columns, rows } = terminal.size()
    const limit = seen.open ? { rows } : {}
    screen.draw(renderView(seen, { columns, colour: terminal.colour, now: Date.now(), ...limit, ...silence }))
  }
  const timer = setInterval(draw, 100)
  return {
    see(run, unreachableSinceMs) {
      seen = run
      silentSinceMs = unreachableSinceMs
      draw()
    },
    end() {
      clearInterval(timer)
      screen.end()
    },
  }
}
