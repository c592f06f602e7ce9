import type { RunSnapshot } from '../client/run.ts'
import type { UpdateAnswer, UpdateArgument, UpdateName } from '../workflows/doors.ts'
import { type Effect, idle, keysIn, press, type Prompt, type Said, withRun } from './prompt.ts'
import { rateMeter } from './rates.ts'
import { openScreen } from './screen.ts'
import type { Shower } from './shower.ts'
import { fittedStyled, type Terminal } from './terminal.ts'
import { promptLines } from './view-prompt.ts'
import { renderView } from './view.ts'

/** What may be done at the keys. */
export interface Controls {
  decide(decision: UpdateName, argument: UpdateArgument): Promise<UpdateAnswer>
  /** Ends the watching; the run goes on. */
  leave(): void
}

/**
 * A run on a terminal: drawn ten times a second, so that what lasts is seen to last, however often the run is asked;
 * decided at the keys where there are some.
 */
export function liveShower(terminal: Terminal, controls?: Controls): Shower {
  const screen = openScreen(terminal)
  const rates = rateMeter()
  let seen: RunSnapshot | undefined
  let silentSinceMs: number | undefined
  let prompt: Prompt = idle
  const keys = controls === undefined ? undefined : terminal.keys

  let becameMs = 0
  const become = (next: Prompt): void => {
    prompt = next
    becameMs = Date.now()
  }

  const draw = (): void => {
    if (seen === undefined) return
    const read = prompt.kind === 'idle' && prompt.said?.bad === false && Date.now() - becameMs > SAID_MS
    if (read) prompt = idle
    const silence = silentSinceMs === undefined ? {} : { unreachableSinceMs: silentSinceMs }
    const { columns, rows } = terminal.size()
    const options = { columns, colour: terminal.colour, now: Date.now(), ...silence }
    // A closed run is shown whole, however long: nothing is drawn over it any more.
    if (!seen.open) return screen.draw(renderView(seen, options), columns)
    const asked = keys === undefined ? [] : promptLines(prompt, seen, options)
    const lines = [...renderView(seen, { ...options, rows: rows - asked.length }), ...asked]
    // What does not fit is lost at the top: what is asked stands at the bottom.
    const fits = lines.slice(-Math.max(1, rows - 1)).map((line) => fittedStyled(line, columns))
    screen.draw(fits, columns)
  }
  const send = async ({ choice, comment }: Extract<Effect, { kind: 'decide' }>): Promise<void> => {
    if (controls === undefined) return
    const said = choice.types === undefined ? { comment } : { typed: comment }
    const argument = { ...choice.bound, ...(comment === '' ? {} : said) }
    become({ kind: 'idle', said: await answerTo(() => controls.decide(choice.decision, argument)) })
    draw()
  }
  const act = (effect: Effect): void => {
    if (effect.kind === 'leave') controls?.leave()
    else void send(effect)
  }
  const silence = keys?.listen((chunk) => {
    for (const key of keysIn(chunk)) {
      if (seen === undefined && key !== 'ctrl-c' && key !== 'q') continue
      if (seen === undefined) controls?.leave()
      else {
        const turn = press(prompt, key, seen)
        become(turn.prompt)
        if (turn.effect) act(turn.effect)
      }
    }
    draw()
  })
  const timer = setInterval(draw, 100)
  return {
    see(run, unreachableSinceMs) {
      seen = run && { ...run, progress: rates(run.progress, Date.now()) }
      silentSinceMs = unreachableSinceMs
      const now = seen === undefined ? prompt : withRun(prompt, seen)
      if (now !== prompt) become(now)
      draw()
    },
    end() {
      clearInterval(timer)
      silence?.()
      screen.end()
    },
  }
}

/** That a decision was taken is read by then; why one was not stays until the next key. */
const SAID_MS = 10_000

async function answerTo(decide: () => Promise<UpdateAnswer>): Promise<Said> {
  try {
    return { text: (await decide()).message, bad: false }
  } catch (error) {
    return { text: error instanceof Error ? error.message : String(error), bad: true }
  }
}
