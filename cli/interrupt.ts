export interface Interrupt {
  readonly signal: AbortSignal
  /** As if Ctrl-C was pressed: a terminal whose keys are read sends no signal. */
  readonly abort: () => void
  /** Gives Ctrl-C its usual meaning back. */
  release(): void
}

/** Turns Ctrl-C, `kill` and a closed terminal into an abort, so that what was started can be ended in order. */
export function onInterrupt(): Interrupt {
  const controller = new AbortController()
  const abort = (): void => controller.abort()
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, abort)
  return {
    signal: controller.signal,
    abort,
    release: () => signals.forEach((signal) => process.off(signal, abort)),
  }
}
