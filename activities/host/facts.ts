import type { EtcdLayout } from '../../dsl/inventory.ts'
import { ActionError } from '../failure.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'

/** What a host can offer an etcd of a given layout. */
export interface HostFacts {
  /** `Linux x86_64`. */
  readonly system: string
  /** Versions of the programs in the layout's directory; left out where there is none that runs. */
  readonly etcd?: string
  readonly etcdctl?: string
  readonly etcdutl?: string
  /** Free where the data directory lies or would lie, for whom the commands run as. */
  readonly freeBytes: number
  /** Whether the directory that would hold the data directory is there and can be written to. */
  readonly parent: 'writable' | 'readOnly' | 'absent'
  /** Whether Quorate's own directory is there or can be made. */
  readonly workDir: 'writable' | 'readOnly'
}

export async function hostFacts(host: RemoteHost, { dataDir, binDir }: EtcdLayout): Promise<HostFacts> {
  const argv = ['sh', '-c', factsScript, 'sh', dataDir, binDir, host.workDir]
  const { code, stdout, stderr } = await host.exec({ reads: true, argv, privileged: true })
  const told = new Map(
    stdout.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
  const system = told.get('system')
  if (code !== 0 || !system) {
    throw new ActionError(`${host.name} could not be looked at: ${stderr.trim() || `exit code ${code}`}.`)
  }
  const parent = told.get('parent')
  return {
    system,
    ...programs(told),
    freeBytes: Number(told.get('freeKiB') ?? 0) * 1024,
    parent: parent === 'writable' || parent === 'readOnly' ? parent : 'absent',
    workDir: told.get('workDir') === 'writable' ? 'writable' : 'readOnly',
  }
}

function programs(told: ReadonlyMap<string, string>) {
  const [etcd, etcdctl, etcdutl] = ['etcd', 'etcdctl', 'etcdutl'].map((name) => told.get(name))
  return { ...(etcd && { etcd }), ...(etcdctl && { etcdctl }), ...(etcdutl && { etcdutl }) }
}

/** Bytes a directory takes on disk. */
export async function diskUsage(host: RemoteHost, path: string): Promise<number> {
  const { code, stdout, stderr } = await host.exec({
    reads: true,
    argv: ['du', '-sk', '--', path],
    privileged: true,
    timeoutMs: 60_000,
  })
  const kib = /^\d+/.exec(stdout)?.[0]
  // Files of a running etcd come and go while they are counted: du complains, and counts the rest.
  if (kib !== undefined) return Number(kib) * 1024
  throw new ActionError(
    `The size of ${path} on ${host.name} is not known: ${stderr.trim() || `exit code ${code}`}.`,
  )
}

export interface ClockOffset {
  /** The host's clock minus the worker's. */
  readonly ms: number
  /** How far off that may be. */
  readonly withinMs: number
}

/** How a host's clock differs from the worker's: of three looks the one with the shortest way. */
export async function clockOffset(host: RemoteHost): Promise<ClockOffset> {
  const looks = [await lookAtClock(host), await lookAtClock(host), await lookAtClock(host)]
  return looks.reduce((best, look) => (look.withinMs < best.withinMs ? look : best))
}

async function lookAtClock(host: RemoteHost): Promise<ClockOffset> {
  const beforeMs = Date.now()
  const { stdout } = await host.exec({ reads: true, argv: ['sh', '-c', clockScript] })
  const afterMs = Date.now()
  const [, seconds, nanos] = /^(\d+)\.(\d{9})?/.exec(stdout.trim()) ?? []
  if (seconds === undefined) throw new ActionError(`${host.name} does not tell the time: ${stdout.trim()}.`)
  const theirs = Number(seconds) * 1000 + (nanos === undefined ? 500 : Number(nanos) / 1e6)
  const coarse = nanos === undefined ? 500 : 0
  return { ms: Math.round(theirs - (beforeMs + afterMs) / 2), withinMs: (afterMs - beforeMs) / 2 + coarse }
}

/** Seconds and nanoseconds; a `date` that knows no nanoseconds prints something else for `%N`. */
const clockScript = `date +%s.%N`

const factsScript = String.raw`
version() { "$1" $2 2>/dev/null </dev/null | sed -n 's/.*[Vv]ersion: *v\{0,1\}\([0-9][0-9.]*[^ ]*\).*/\1/p' | head -n 1; }
echo "system=$(uname -s) $(uname -m)"
echo "etcd=$(version "$2/etcd" --version)"
echo "etcdctl=$(ETCDCTL_API=3 version "$2/etcdctl" version)"
echo "etcdutl=$(version "$2/etcdutl" version)"
parent=$(dirname "$1")
if [ ! -d "$parent" ]; then echo parent=absent; elif [ -w "$parent" ]; then echo parent=writable; else echo parent=readOnly; fi
there=$parent
while [ ! -d "$there" ]; do there=$(dirname "$there"); done
echo "freeKiB=$(df -Pk "$there" | awk 'NR > 1 { for (i = 2; i <= NF; i++) if ($i ~ /^[0-9]+%$/) { print $(i - 1); exit } }')"
there=$3
while [ ! -d "$there" ]; do there=$(dirname "$there"); done
if [ -w "$there" ]; then echo workDir=writable; else echo workDir=readOnly; fi
`
