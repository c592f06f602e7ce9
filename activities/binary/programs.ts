import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ActionError } from '../failure.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'

export const programNames = ['etcd', 'etcdctl', 'etcdutl'] as const
export type ProgramName = (typeof programNames)[number]

/** A program as it lies in a directory. */
export interface Program {
  /** Hex. */
  readonly sha256: string
  readonly sizeBytes: number
}

/** etcd 3.4 has no `etcdutl`, so a program may be missing. */
export type Programs = Readonly<Partial<Record<ProgramName, Program>>>

/** Those in a directory of this machine; `undefined` when there is no such directory. */
export async function localPrograms(directory: string): Promise<Programs | undefined> {
  const names = await readdir(directory).catch(() => undefined)
  if (!names) return undefined
  const present = programNames.filter((name) => names.includes(name))
  const programs = await Promise.all(
    present.map(async (name) => {
      const path = join(directory, name)
      const [sha256, { size: sizeBytes }] = await Promise.all([digestOf(path), stat(path)])
      return [name, { sha256, sizeBytes }] as const
    }),
  )
  return Object.fromEntries(programs)
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const part of createReadStream(path)) hash.update(part)
  return hash.digest('hex')
}

export interface StagedPrograms {
  readonly programs: Programs
  /** What `etcd --version` says there; `undefined` where it does not run. */
  readonly version?: string
  /** Why it does not run. */
  readonly whyNot?: string
}

/** Those in a directory of a host, and which version they are; `undefined` when there is no etcd in it. */
export async function remotePrograms(
  host: RemoteHost,
  directory: string,
): Promise<StagedPrograms | undefined> {
  const { code, stdout, stderr } = await host.exec({
    reads: true,
    argv: ['sh', '-c', lookScript, 'sh', directory],
    privileged: true,
    timeoutMs: 60_000,
  })
  if (code !== 0)
    throw new ActionError(`${directory} on ${host.name} could not be looked at: ${stderr.trim()}.`)
  const lines = stdout.split('\n').filter(Boolean)
  const programs = Object.fromEntries(
    lines.flatMap((line) => {
      const [, name, sizeBytes, sha256] = /^program (\w+) (\d+) ([0-9a-f]{64})$/.exec(line) ?? []
      return isProgram(name) && sha256 !== undefined ? [[name, { sha256, sizeBytes: Number(sizeBytes) }]] : []
    }),
  )
  if (!('etcd' in programs)) return undefined
  const said = lines.find((line) => line.startsWith('said '))?.slice('said '.length) ?? ''
  const version = /[Vv]ersion: *v?(\d+\.\d+\.\d+\S*)/.exec(said)?.[1]
  return { programs, ...(version === undefined ? { whyNot: said || 'it says nothing' } : { version }) }
}

function isProgram(name: string | undefined): name is ProgramName {
  return programNames.some((known) => known === name)
}

/** Prints the SHA-256 of its standard input, with whatever the host has. */
export const digestFunction = String.raw`
digest() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum
  elif command -v shasum >/dev/null 2>&1; then shasum -a 256
  else openssl dgst -sha256 -r; fi | cut -c 1-64
}
`

const lookScript = `${digestFunction}
for name in ${programNames.join(' ')}; do
  [ -f "$1/$name" ] || continue
  echo "program $name $(($(wc -c <"$1/$name"))) $(digest <"$1/$name")"
done
[ ! -f "$1/etcd" ] || echo "said $("$1/etcd" --version 2>&1 </dev/null | head -n 1)"
`
