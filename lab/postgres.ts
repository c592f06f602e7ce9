import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import pg from 'pg'

/** A Postgres server of its own, on a Unix socket, with its data in a temporary directory. */
export interface PostgresServer {
  /** Of the superuser, for a database. */
  url(database: string, user?: string): string
  /** Makes a database, empty or as another one is; returns the superuser's URL of it. */
  createDatabase(name: string, like?: string): Promise<string>
  /** Ends it at once, whatever it is doing; it comes back by what this returns, with its data and its address. */
  kill(): Promise<() => Promise<void>>
  stop(): Promise<void>
}

/** Why there is none here; undefined when there is. */
export function whyNoPostgres(): string | undefined {
  return binDirectory() === undefined
    ? 'No Postgres server programs on the PATH or in /usr/lib/postgresql (Debian: apt-get install postgresql).'
    : undefined
}

export async function startPostgres(): Promise<PostgresServer> {
  const bin = binDirectory()
  if (bin === undefined) throw new Error(whyNoPostgres())
  const directory = mkdtempSync(join(tmpdir(), 'quorate-postgres-'))
  // It refuses to run as root.
  const other = userInfo().uid === 0 ? { uid: 65_534, gid: 65_534 } : {}
  if (other.uid !== undefined) chownSync(directory, other.uid, other.gid)
  const data = join(directory, 'data')
  const made = spawnSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'],
    { ...other, cwd: directory, encoding: 'utf8' },
  )
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`)
  let server: ChildProcess
  const start = async (): Promise<void> => {
    let said = ''
    server = spawn(join(bin, 'postgres'), ['-D', data, '-k', directory, '-c', 'listen_addresses='], {
      ...other,
      cwd: directory,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    server.stderr?.on('data', (part: Buffer) => {
      said += part.toString()
    })
    await answering(url('postgres'), server, () => said)
  }
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const gone = once(server, 'exit')
    server.kill(signal)
    await gone
  }
  // Whoever ends without saying stop takes it along.
  const takeAlong = (): boolean => server.kill('SIGKILL')
  process.once('exit', takeAlong)
  const url = (database: string, user = 'postgres'): string =>
    `postgres://${user}@${encodeURIComponent(directory)}/${database}`
  await start()
  return {
    url,
    createDatabase: async (name, like = 'template1') => {
      await query(url('postgres'), `create database ${name} template ${like}`)
      return url(name)
    },
    kill: async () => {
      // By its own word: a server whose first process is killed leaves the others behind, and its memory.
      await end('SIGQUIT')
      return start
    },
    stop: async () => {
      process.off('exit', takeAlong)
      await end('SIGINT')
      rmSync(directory, { recursive: true })
    },
  }
}

async function answering(url: string, server: ChildProcess, said: () => string): Promise<void> {
  for (const until = Date.now() + 20_000; ;) {
    if (server.exitCode !== null || Date.now() > until) throw new Error(`Postgres does not start: ${said()}`)
    try {
      await query(url, 'select 1')
      return
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

/** One statement over a connection of its own. */
export async function query(url: string, sql: string): Promise<readonly unknown[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

function binDirectory(): string | undefined {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).toSorted((a, b) => Number(b) - Number(a)) : []
  return [
    ...(process.env['PATH'] ?? '').split(delimiter),
    ...versions.map((version) => join(debian, version, 'bin')),
  ].find((directory) => ['initdb', 'postgres'].every((program) => existsSync(join(directory, program))))
}
