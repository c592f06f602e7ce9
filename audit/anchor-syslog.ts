import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { hostname } from 'node:os'
import process from 'node:process'
import { promisify } from 'node:util'
import type { AnchorPlace } from './anchor.ts'
import { anchorLine } from './anchor-line.ts'
import type { Archive } from './archive.ts'

/**
 * A system log: of this machine (`where` is "", or the path of another socket than /dev/log), or of another one as
 * `udp://HOST:PORT`, whose answer nobody hears. It cannot be asked what it has: this process remembers what it gave,
 * and begins with what was made since it was opened. Undefined when `where` is neither.
 */
export function anchorSyslog(where: string): AnchorPlace | undefined {
  const send = senderTo(where)
  if (send === undefined) return undefined
  const opened = new Date().toISOString()
  let given: number | undefined
  return {
    name: `syslog:${where}`,
    async last(archive) {
      given ??= await lastBefore(archive, opened)
      return given
    },
    async put(checkpoints) {
      for (const checkpoint of checkpoints) {
        await send(anchorLine(checkpoint))
        given = checkpoint.checkpoint.n
      }
    },
  }
}

async function lastBefore(archive: Archive, at: string): Promise<number> {
  let n = 0
  for await (const { checkpoint } of archive.checkpoints())
    if (checkpoint.at < at) n = checkpoint.n
    else break
  return n
}

function senderTo(where: string): ((line: string) => Promise<void>) | undefined {
  if (where === '' || where.startsWith('/'))
    return (line) => toSocket(where === '' ? '/dev/log' : where, line)
  const { protocol, hostname: host, port } = URL.canParse(where) ? new URL(where) : {}
  if (protocol !== 'udp:' || host === undefined || host === '') return undefined
  return (line) => toHost(host, port === '' || port === undefined ? 514 : Number(port), line)
}

/** By `logger` of util-linux: Node has no datagram sockets of the Unix kind. */
async function toSocket(path: string, line: string): Promise<void> {
  await promisify(execFile)(
    'logger',
    [
      '--socket',
      path,
      '--socket-errors=on',
      '--size',
      '8192',
      '--priority',
      'auth.notice',
      '--tag',
      'quorate',
      '--',
      line,
    ],
    { timeout: 10_000 },
  )
}

/** RFC 5424: facility 13 (log audit), severity 5 (notice). */
const PRIORITY = 13 * 8 + 5

async function toHost(host: string, port: number, line: string): Promise<void> {
  const message = `<${PRIORITY}>1 ${new Date().toISOString()} ${hostname()} quorate ${process.pid} anchor - ${line}`
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.send(message, port, host.replaceAll(/[[\]]/g, ''), (error) => {
        if (error) reject(error)
        else resolve()
      })
    })
  } finally {
    socket.close()
  }
}
