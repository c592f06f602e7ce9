import { ActionError } from '../failure.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { until } from '../until.ts'
import { type Port, portsSeenFrom } from './ports.ts'
import { lastWords } from '../redact/secrets.ts'

interface Listening {
  readonly host: RemoteHost
  readonly at: Port
  readonly binDir: string
  /** Distinguishes listeners of different runs. */
  readonly key: string
  readonly signal: AbortSignal
}

/**
 * Has something listen on a port of a host while `use` runs, to see who reaches it. The listener is etcd's own
 * TCP gateway, because it is the one program sure to be there: it has no data and talks to nobody. It ends by
 * itself after 30 s whatever happens here. Throws `ActionError` when the port cannot be listened on.
 */
export async function whileListening<Value>(listening: Listening, use: () => Promise<Value>): Promise<Value> {
  const { host, at, binDir, key } = listening
  const mark = `${host.workDir}/listening-${key.replace(/[^A-Za-z0-9._-]/g, '_')}`
  const words = [`${binDir}/etcd`, `${at.address}:${at.port}`, mark]
  const listener = host.exec({
    ...{ argv: ['sh', '-c', listenScript, 'sh', ...words], timeoutMs: 45_000 },
    privileged: true,
  })
  try {
    await listens(listening, listener)
    return await use()
  } finally {
    await host.exec({ argv: ['rm', '-f', mark], privileged: true })
    await listener.catch(() => undefined)
  }
}

async function listens(
  { host, at, signal }: Listening,
  listener: ReturnType<RemoteHost['exec']>,
): Promise<void> {
  const where = `${at.address}:${at.port} on ${host.name}`
  const ended = listener.then(({ stdout, stderr }) => {
    throw new ActionError(
      `Nothing can listen on ${where}: ${lastWords(stderr || stdout, 400) || 'it ended at once'}.`,
    )
  })
  const open = until(async () => ((await portsSeenFrom(host, [at]))[0] === 'closed' ? undefined : true), {
    timeoutMs: 10_000,
    signal,
    overdue: () => new ActionError(`Nothing came to listen on ${where} within 10 s.`),
  })
  await Promise.race([open, ended])
}

/** Arguments: etcd, address, mark. It lasts as long as the mark is there, and 30 s at most. */
const listenScript = String.raw`
mkdir -p "$(dirname "$3")" && : >"$3" || exit 1
"$1" gateway start --listen-addr="$2" --endpoints=127.0.0.1:1 </dev/null >/dev/null 2>"$3.log" &
pid=$!
trap 'kill "$pid" 2>/dev/null; rm -f "$3" "$3.log"' EXIT
trap 'exit 1' HUP INT TERM
n=0
while [ -e "$3" ] && kill -0 "$pid" 2>/dev/null && [ "$n" -lt 150 ]; do sleep 0.2; n=$((n + 1)); done
kill -0 "$pid" 2>/dev/null || { cat "$3.log" >&2; exit 1; }
`
