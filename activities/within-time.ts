import { setMaxListeners } from 'node:events'

interface Limits {
  readonly ms: number
  readonly signal: AbortSignal
}

/**
 * Runs something for at most `ms`. Its signal is aborted when the time is up or the outer signal is, and it is
 * not waited for any longer then: what it does not notice must not hold up the rest.
 */
export async function withinTime<Value>(
  { ms, signal: outer }: Limits,
  run: (signal: AbortSignal) => Promise<Value>,
  overdue: () => Error,
): Promise<Value> {
  const own = new AbortController()
  // A look at a cluster listens once a call and member; the warning is for leaks, which these are not.
  setMaxListeners(0, own.signal)
  const follow = () => own.abort(outer.reason)
  if (outer.aborted) follow()
  outer.addEventListener('abort', follow, { once: true })
  const timer = setTimeout(() => own.abort(overdue()), ms)
  try {
    return await Promise.race([aborted(own.signal), run(own.signal)])
  } finally {
    clearTimeout(timer)
    outer.removeEventListener('abort', follow)
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
