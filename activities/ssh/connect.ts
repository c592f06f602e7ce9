import { readFile } from 'node:fs/promises'
import { connect as connectTcp } from 'node:net'
import type { Duplex } from 'node:stream'
import ssh2, { type ConnectConfig, type ServerHostKeyAlgorithm } from 'ssh2'
import type { Host } from '../../dsl/inventory.ts'
import { ActionError, InputError, RefusedError } from '../failure.ts'
import { Connection } from './connection.ts'
import { fingerprint, judgeHostKey, knownHostName, knownKeyTypes } from './known-hosts.ts'
import { secrets } from '../redact/secrets.ts'

export interface ConnectSettings {
  /** For the whole of it: TCP, key exchange, login. */
  readonly connectTimeoutMs: number
  /** A dead link is noticed after about `keepaliveCount + 1` of these. */
  readonly keepaliveIntervalMs: number
  readonly keepaliveCount: number
}

export const defaultConnectSettings: ConnectSettings = {
  connectTimeoutMs: 10_000,
  keepaliveIntervalMs: 2_000,
  keepaliveCount: 3,
}

/**
 * Logs in to a host, over TCP or through `via`. The host's key must be the one its known_hosts file holds.
 * Throws `InputError` (files named in the inventory cannot be read), `RefusedError` (host key) or `ActionError`,
 * each naming host, user, address and port and what to do.
 */
export async function connect(
  host: Host,
  via: Connection | undefined,
  settings: ConnectSettings,
): Promise<Connection> {
  const privateKey = await readNamed(host, 'ssh.identity', host.ssh.identity)
  secrets.addLines(`ssh.identity of ${host.name}`, privateKey.toString('latin1'))
  const knownHosts = (await readNamed(host, 'ssh.knownHosts', host.ssh.knownHosts)).toString('utf8')
  const deadline = Date.now() + settings.connectTimeoutMs
  const socket = via === undefined ? await openTcp(host, settings) : await openThrough(host, via)
  const remaining = { ...settings, connectTimeoutMs: Math.max(1, deadline - Date.now()) }
  return logIn(host, socket, { privateKey, knownHosts }, remaining)
}

/** `etcd-1 (root@10.0.0.11:22)`, for messages. */
export const describeHost = ({ name, address, ssh }: Host): string =>
  `${name} (${ssh.user}@${address}:${ssh.port})`

async function readNamed(host: Host, field: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw new InputError(
      `Cannot read ${path}, which the inventory names as ${field} of host ${host.name}: ${reason(cause)}. ` +
        `Put the file there or correct ${field}.`,
      { cause },
    )
  }
}

function openTcp(host: Host, { connectTimeoutMs }: ConnectSettings): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host: host.address, port: host.ssh.port, noDelay: true, keepAlive: true })
    const timer = setTimeout(() => socket.destroy(timedOut(connectTimeoutMs)), connectTimeoutMs)
    socket.once('error', (cause) => {
      clearTimeout(timer)
      reject(connectError(host, cause))
    })
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.removeAllListeners('error')
      resolve(socket)
    })
  })
}

const timedOut = (timeoutMs: number): Error => new Error(`no answer within ${timeoutMs / 1000} s`)

async function openThrough(host: Host, via: Connection): Promise<Duplex> {
  try {
    return await via.forward(host.address, host.ssh.port)
  } catch (cause) {
    throw new ActionError(
      `Host ${describeHost(host)} cannot be reached through ${via.host.name}: ${reason(cause)}. ` +
        `Check that ${via.host.name} reaches that address and allows TCP forwarding.`,
      { cause },
    )
  }
}

interface Credentials {
  readonly privateKey: Buffer
  readonly knownHosts: string
}

function logIn(
  host: Host,
  socket: Duplex,
  credentials: Credentials,
  settings: ConnectSettings,
): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client()
    let refusal: Error | undefined
    const verify = (key: Buffer): boolean => {
      refusal = refuseHostKey(host, credentials.knownHosts, key)
      return refusal === undefined
    }
    const fail = (cause: Error): void => {
      socket.destroy()
      reject(refusal ?? connectError(host, cause))
    }
    // It may fail more than once, and an error nobody listens to ends the process.
    client.on('error', fail)
    client.once('close', () => fail(new Error('the host closed the connection')))
    client.once('ready', () => {
      client.removeAllListeners('error').removeAllListeners('close')
      resolve(new Connection(host, client))
    })
    start(client, { ...clientConfig(host, credentials, settings), sock: socket, hostVerifier: verify }, fail)
  })
}

/** ssh2 throws at once for a private key it cannot read. */
function start(client: ssh2.Client, config: ConnectConfig, fail: (cause: Error) => void): void {
  try {
    client.connect(config)
  } catch (cause) {
    fail(cause instanceof Error ? cause : new Error(String(cause)))
  }
}

function clientConfig(
  host: Host,
  { privateKey, knownHosts }: Credentials,
  settings: ConnectSettings,
): ConnectConfig {
  const types = knownKeyTypes(knownHosts, host.address, host.ssh.port)
  return {
    username: host.ssh.user,
    privateKey,
    authHandler: ['publickey'],
    readyTimeout: settings.connectTimeoutMs,
    keepaliveInterval: settings.keepaliveIntervalMs,
    keepaliveCountMax: settings.keepaliveCount,
    algorithms: { serverHostKey: preferKnown(types) },
  }
}

const hostKeyAlgorithms: readonly {
  readonly type: string
  readonly algorithms: readonly ServerHostKeyAlgorithm[]
}[] = [
  { type: 'ssh-ed25519', algorithms: ['ssh-ed25519'] },
  { type: 'ecdsa-sha2-nistp256', algorithms: ['ecdsa-sha2-nistp256'] },
  { type: 'ecdsa-sha2-nistp384', algorithms: ['ecdsa-sha2-nistp384'] },
  { type: 'ecdsa-sha2-nistp521', algorithms: ['ecdsa-sha2-nistp521'] },
  { type: 'ssh-rsa', algorithms: ['rsa-sha2-512', 'rsa-sha2-256'] },
]

/** Asks for a key of a known type first: a host with several keys shows the one that can be checked. */
function preferKnown(types: readonly string[]): ServerHostKeyAlgorithm[] {
  const known = hostKeyAlgorithms.filter(({ type }) => types.includes(type))
  const others = hostKeyAlgorithms.filter(({ type }) => !types.includes(type))
  return [...known, ...others].flatMap(({ algorithms }) => algorithms)
}

function refuseHostKey(host: Host, knownHosts: string, key: Buffer): Error | undefined {
  const verdict = judgeHostKey(knownHosts, host.address, host.ssh.port, key)
  const shown = `Host ${describeHost(host)} shows the key ${fingerprint(key)}`
  const file = host.ssh.knownHosts
  switch (verdict.kind) {
    case 'known':
      return undefined
    case 'absent':
      return new RefusedError(
        `${shown}, and ${file} has no key for ${knownHostName(host.address, host.ssh.port)}. ` +
          'Compare the fingerprint with the one on the host itself, then add its key to that file.',
      )
    case 'revoked':
      return new RefusedError(
        `${shown}, which ${file}:${verdict.line} marks as revoked. Do not use this host.`,
      )
    case 'changed': {
      const expected = verdict.expected
        .map((entry) => `${entry.fingerprint} (line ${entry.line})`)
        .join(' or ')
      return new RefusedError(
        `${shown}, but ${file} expects ${expected}. Either the host was set up anew or something stands in ` +
          'between: find out which on the host itself before you change that file.',
      )
    }
  }
}

function connectError(host: Host, cause: Error): ActionError {
  return new ActionError(`Host ${describeHost(host)}: ${explain(host, cause)}`, { cause })
}

function explain(host: Host, cause: Error): string {
  const code = 'code' in cause ? cause.code : undefined
  const level = 'level' in cause ? cause.level : undefined
  if (code === 'ECONNREFUSED') {
    return 'the connection was refused. Start its SSH server, or correct address and ssh.port in the inventory.'
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return 'its address cannot be resolved. Correct the address in the inventory, or the name service.'
  }
  if (level === 'client-authentication') {
    return (
      `login failed with the key ${host.ssh.identity}. ` +
      `Add its public half to ~/.ssh/authorized_keys of ${host.ssh.user}, or correct ssh.user and ssh.identity.`
    )
  }
  if (/privateKey/.test(cause.message)) {
    return `${host.ssh.identity} is no private key that can be used (${cause.message}); passphrases are not supported.`
  }
  return `it cannot be reached: ${cause.message}. Check the host, the network between, address and ssh.port.`
}

const reason = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
