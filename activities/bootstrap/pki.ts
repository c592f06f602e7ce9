import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Inventory } from '../../dsl/inventory.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { type PkiFile, pkiFiles } from './plan.ts'

/** What is there of a member's certificates, and what of them can be read without reading a key. */
export interface PkiSeen {
  readonly missing: readonly PkiFile[]
  /** Texts of the certificates that are there; no keys. */
  readonly texts: Readonly<Partial<Record<PkiFile, string>>>
}

/** As they lie in a directory of a host. */
export async function pkiOnHost(host: RemoteHost, directory: string): Promise<PkiSeen> {
  const { stdout } = await host.exec({
    reads: true,
    argv: ['sh', '-c', lookScript, 'sh', directory, ...pkiFiles],
    privileged: true,
  })
  const parts = stdout.split('\u0001').slice(1)
  const found = new Map(
    parts.map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1)]),
  )
  return {
    missing: pkiFiles.filter((name) => !found.has(name)),
    texts: Object.fromEntries(
      pkiFiles.filter((name) => isText(name) && found.has(name)).map((name) => [name, found.get(name)]),
    ),
  }
}

/**
 * Where a member's certificates lie on this machine: in a directory of its host's name, the authority's perhaps
 * above. A relative directory is meant from the inventory.
 */
export function localPki({ file }: Inventory, directory: string, host: string) {
  const root = resolve(dirname(file), directory)
  return { root, of: (name: PkiFile) => join(root, host, name), shared: join(root, 'ca.crt') }
}

export async function pkiOnWorker(inventory: Inventory, directory: string, host: string): Promise<PkiSeen> {
  const { of, shared } = localPki(inventory, directory, host)
  const read = async (name: PkiFile) => {
    const text = await readFile(of(name), 'utf8').catch(() => undefined)
    return text ?? (name === 'ca.crt' ? readFile(shared, 'utf8').catch(() => undefined) : undefined)
  }
  const all = await Promise.all(pkiFiles.map(async (name) => [name, await read(name)] as const))
  return {
    missing: all.flatMap(([name, text]) => (text === undefined ? [name] : [])),
    texts: Object.fromEntries(all.filter(([name, text]) => isText(name) && text !== undefined)),
  }
}

function isText(name: PkiFile): boolean {
  return name.endsWith('.crt')
}

const lookScript = String.raw`
directory=$1; shift
for name; do
  [ -s "$directory/$name" ] || continue
  printf '\001%s\n' "$name"
  case $name in *.crt) cat -- "$directory/$name" ;; esac
done
`
