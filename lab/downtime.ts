import { get } from 'node:http'
import { createGapMeter } from './writer.ts'

export interface DowntimeFigures {
  /** The longest time in which none of the endpoints gave a healthy answer. */
  readonly downMs: number
  /** When it began, in milliseconds since 1970. */
  readonly sinceMs: number
  /** The endpoint that answered last. */
  readonly answering: string | undefined
}

export interface DowntimeMeter {
  figures(): DowntimeFigures
  stop(): DowntimeFigures
}

/**
 * Measures how long one member is away: asks each of its endpoints (the old one, the new one; `HOST:PORT`)
 * every 20 ms for its health, which in etcd includes a linearizable read. Two answers are never nearer than
 * that, so a member that was never away shows some 20 to 40 ms.
 */
export function measureDowntime(endpoints: readonly string[], everyMs = 20): DowntimeMeter {
  const gaps = createGapMeter(Date.now())
  const underWay = new Set<string>()
  let answering: string | undefined
  const ask = async (endpoint: string): Promise<void> => {
    if (underWay.has(endpoint)) return
    underWay.add(endpoint)
    const healthy = await isHealthy(endpoint)
    underWay.delete(endpoint)
    if (!healthy || stopped !== undefined) return
    answering = endpoint
    gaps.seen(Date.now())
  }
  const timer = setInterval(() => endpoints.forEach((endpoint) => void ask(endpoint)), everyMs)
  let stopped: DowntimeFigures | undefined
  const figures = (): DowntimeFigures => {
    const { longestGapMs, longestGapAtMs } = gaps.figures(Date.now())
    return { downMs: longestGapMs, sinceMs: longestGapAtMs, answering }
  }
  return {
    figures: () => stopped ?? figures(),
    stop() {
      clearInterval(timer)
      return (stopped ??= figures())
    },
  }
}

function isHealthy(endpoint: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(`http://${endpoint}/health`, { timeout: 1000, agent: false }, (response) => {
      response.resume()
      response.once('error', () => resolve(false))
      response.once('end', () => resolve(response.statusCode === 200))
    })
    request.once('timeout', () => request.destroy())
    request.once('error', () => resolve(false))
  })
}
