import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { hostKey, soundKeyPair } from './host/host-key.ts'

/** Makes the worker's key pair as ssh-keygen does: `path` (mode 0600) and `path.pub`. Returns the public line. */
export function makeIdentity(path: string, comment: string): string {
  const pair = soundKeyPair(comment)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  writeFileSync(path, pair.private, { mode: 0o600 })
  const line = `${pair.public.trim()}\n`
  writeFileSync(`${path}.pub`, line)
  return line
}

/** Gives a host its own key and writes it into the worker's known_hosts. */
export function introduceHost(options: {
  readonly directory: string
  readonly knownHosts: string
  readonly address: string
  readonly port: number
  readonly comment: string
}): void {
  const [type, key] = hostKey(options.directory, options.comment).public.split(' ')
  appendFileSync(options.knownHosts, `[${options.address}]:${options.port} ${type} ${key}\n`)
}
