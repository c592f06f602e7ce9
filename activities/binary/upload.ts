import { createReadStream } from 'node:fs'
import { ActionError, UnknownOutcomeError } from '../failure.ts'
import { ConnectionLost } from '../ssh/connection.ts'
import { SshHost } from '../ssh/hosts.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { digestFunction } from './programs.ts'
import { lastWords } from '../redact/secrets.ts'

interface Upload {
  /** A file of this machine. */
  readonly from: string
  /** Where it goes; its directory is made. */
  readonly to: string
  /** Hex; what it must be at both ends. */
  readonly sha256: string
  /** Octal, such as 0755. */
  readonly mode: string
  readonly signal?: AbortSignal
}

/**
 * Brings a file of this machine to a host. What is there already and is the same is not sent again, so it can be
 * repeated; a link that breaks is tried again a few times. Throws `ActionError` when the file could not be
 * written or is not the same afterwards.
 */
export async function uploadFile(host: RemoteHost, upload: Upload): Promise<void> {
  host.refuseTransfer?.(`${upload.from} of the worker, as ${upload.to}`)
  if (!(host instanceof SshHost)) throw new TypeError('Files are brought to hosts made by createHosts.')
  for (let tries = 1; ; tries++) {
    try {
      return await send(host, upload)
    } catch (error) {
      const cut = error instanceof ConnectionLost || error instanceof UnknownOutcomeError
      if (!cut || tries === maxTries || upload.signal?.aborted === true) throw error
    }
  }
}

const maxTries = 4

async function send(host: SshHost, { from, to, sha256, mode, signal }: Upload): Promise<void> {
  const asked = host.privilegedArgv(['sh', '-c', sameScript, 'sh', to, sha256])
  const same = await host.run(asked, { timeoutMs: 60_000, ...(signal && { signal }) })
  if (same.code === 0) return
  const argv = ['sh', '-c', receiveScript, 'upload', to, sha256, mode]
  const { code, stderr } = await host.send(argv, { stdin: createReadStream(from), ...(signal && { signal }) })
  if (code === 0) return
  throw new ActionError(
    `${to} could not be written on ${host.name}: ${lastWords(stderr, 500) || `exit code ${code}`}. Nothing else was changed.`,
  )
}

/** Arguments: file, SHA-256. */
const sameScript = `${digestFunction}
[ -f "$1" ] && [ "$(digest <"$1")" = "$2" ]
`

/** Arguments: file, SHA-256, mode. The file comes on standard input and gets its name once it is whole. */
const receiveScript = `${digestFunction}
umask 022
mkdir -p "$(dirname "$1")" || exit 1
umask 077
cat >"$1.part" || { rm -f "$1.part"; echo "is its disk full?" >&2; exit 1; }
seen=$(digest <"$1.part")
[ "$seen" = "$2" ] || { rm -f "$1.part"; echo "what arrived has the SHA-256 $seen, not $2" >&2; exit 1; }
chmod "$3" "$1.part" && mv "$1.part" "$1"
`
