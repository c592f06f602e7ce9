import { timingSafeEqual } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { Socket, connect } from 'node:net'
import { join } from 'node:path'
import ssh2, {
  type AuthContext,
  type Connection,
  type PublicKeyAuthContext,
  type ServerChannel,
  type Session,
} from 'ssh2'
import { type AuthorizedKey, parseAuthorizedKeys } from './authorized-keys.ts'
import { runCommand } from './command.ts'
import { type HostKey, hostKey } from './host-key.ts'

export interface LabHostOptions {
  /** Holds the host key; its `home` is the home directory, with `.ssh/authorized_keys`. */
  readonly dir: string
  readonly address: string
  /** 0 takes a free one. */
  readonly port: number
  readonly user: string
  /** Every process started here carries it as QUORATE_LAB, so that strays can be found. */
  readonly lab: string
}

export interface LabHost {
  readonly port: number
  readonly key: HostKey
  /** Cuts every connection, as a broken link would, and says how many; the commands get SIGHUP. */
  dropConnections(): number
  close(): Promise<void>
}

/** OpenSSH's MaxSessions: more channels than this on one connection are refused. */
const maxSessions = 10

/** Starts the SSH server of one lab host. Throws when the port is taken. */
export async function startLabHost(options: LabHostOptions): Promise<LabHost> {
  mkdirSync(join(options.dir, 'home', '.ssh'), { recursive: true, mode: 0o700 })
  const key = hostKey(options.dir, `quorate-lab-${options.lab}`)
  const connections = new Set<Connection>()
  const server = new ssh2.Server({ hostKeys: [key.private], ident: 'quorate-lab' }, (connection) => {
    connections.add(connection)
    connection.on('close', () => connections.delete(connection))
    serve(connection, options)
  })
  const port = await listen(server, options)
  const dropConnections = (): number => cutAll(connections)
  return { port, key, dropConnections, close: () => close(server, dropConnections) }
}

function listen(server: ssh2.Server, { address, port }: LabHostOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, address, () => {
      const bound = server.address()
      resolve(typeof bound === 'object' && bound !== null ? bound.port : port)
    })
  })
}

function close(server: ssh2.Server, dropConnections: () => number): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    dropConnections()
  })
}

function cutAll(connections: ReadonlySet<Connection>): number {
  const all = [...connections]
  for (const connection of all) socketOf(connection)?.destroy()
  return all.length
}

/** ssh2 keeps it to itself, and offers no way to end a connection without saying goodbye first. */
function socketOf(connection: Connection): Socket | undefined {
  const socket: unknown = Reflect.get(connection, '_sock')
  return socket instanceof Socket ? socket : undefined
}

function serve(connection: Connection, options: LabHostOptions): void {
  let login: AuthorizedKey | undefined
  socketOf(connection)?.setNoDelay(true)
  connection.on('error', () => {})
  connection.on('authentication', (context) => {
    login = authenticate(context, options)
    if (login === undefined) context.reject(['publickey'])
    else context.accept()
  })
  connection.on('ready', () => {
    if (login !== undefined) serveSessions(connection, login, options)
  })
}

/** Keys are read anew at each login, so that one added or removed a moment ago counts. */
function authenticate(context: AuthContext, options: LabHostOptions): AuthorizedKey | undefined {
  if (context.method !== 'publickey' || context.username !== options.user) return undefined
  const known = parseAuthorizedKeys(readAuthorizedKeys(options.dir))
  const entry = known.find(({ type, blob }) => type === context.key.algo && sameBytes(blob, context.key.data))
  return entry !== undefined && proves(context, entry) ? entry : undefined
}

function readAuthorizedKeys(dir: string): string {
  try {
    return readFileSync(join(dir, 'home', '.ssh', 'authorized_keys'), 'utf8')
  } catch {
    return ''
  }
}

const sameBytes = (left: Buffer, right: Buffer): boolean =>
  left.length === right.length && timingSafeEqual(left, right)

/** Without a signature the client only asks whether the key would do. */
function proves({ signature, blob, hashAlgo }: PublicKeyAuthContext, entry: AuthorizedKey): boolean {
  if (signature === undefined || blob === undefined) return true
  const key = ssh2.utils.parseKey(`${entry.type} ${entry.blob.toString('base64')}`)
  if (key instanceof Error) return false
  // Typed as a boolean, but an Error when it does not fit.
  const verdict: unknown = key.verify(blob, signature, hashAlgo)
  return verdict === true
}

function serveSessions(connection: Connection, login: AuthorizedKey, options: LabHostOptions): void {
  let open = 0
  connection.on('session', (accept, reject) => {
    if (open >= maxSessions) return reject()
    open++
    const session = accept()
    session.on('close', () => open--)
    serveSession(connection, session, login, options)
  })
  connection.on('tcpip', (accept, reject, { destIP, destPort }) => {
    if (!login.mayForward) return reject()
    const socket = connect({ host: destIP, port: destPort, noDelay: true })
    socket.once('error', () => reject())
    socket.once('connect', () => joinStreams(accept(), socket))
  })
}

function joinStreams(channel: ServerChannel, socket: Socket): void {
  const end = (): void => {
    socket.destroy()
    channel.end()
  }
  socket.on('error', end).on('close', end)
  channel.on('error', end).on('close', end)
  channel.pipe(socket).pipe(channel)
}

function serveSession(
  connection: Connection,
  session: Session,
  login: AuthorizedKey,
  options: LabHostOptions,
): void {
  session.on('exec', (accept, _reject, { command }) => {
    const running = runCommand(
      accept(),
      login.command ?? command,
      join(options.dir, 'home'),
      environment(options, login.command === undefined ? undefined : command),
    )
    session.on('signal', (_accept, _reject, { name }) => running.signal(name))
    connection.once('close', () => running.hangUp())
    session.once('close', () => running.hangUp())
  })
}

/** Little, as sshd gives it: nothing of what this process was started with but the search path. */
function environment(options: LabHostOptions, original: string | undefined): Record<string, string> {
  return {
    HOME: join(options.dir, 'home'),
    USER: options.user,
    LOGNAME: options.user,
    SHELL: '/bin/sh',
    PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin',
    QUORATE_LAB: options.lab,
    ...(original === undefined ? {} : { SSH_ORIGINAL_COMMAND: original }),
  }
}
