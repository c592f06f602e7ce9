import type { Service } from '../../dsl/inventory.ts'
import { explainEtcd } from '../etcd/errors.ts'
import { ActionError } from '../failure.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { serviceManager } from './manager.ts'

/** A start that failed, with the end of etcd's log as its reason, where that can be had, and what it means. */
export async function withRecentLog(error: unknown, host: RemoteHost, service: Service): Promise<unknown> {
  if (!(error instanceof ActionError)) return error
  const said = explainEtcd(error.message)
  const log = said === '' ? await explainRecentLog(host, service) : said
  return log === '' ? error : new ActionError(`${error.message} ${log}`, { cause: error })
}

/**
 * What etcd says at the end of its log, and what it means for a person; "" when there is no log to be had or
 * nothing in it tells of a failure.
 */
export async function explainRecentLog(host: RemoteHost, service: Service): Promise<string> {
  const { log } = serviceManager(service)
  if (!log) return ''
  const { stdout, stderr } = await host.exec({ reads: true, argv: log, privileged: true })
  const telling = tellingLine(`${stdout}\n${stderr}`.trim().split('\n'))
  return telling === undefined ? '' : `etcd's log says "${wordsOf(telling)}". ${explainEtcd(telling)}`.trim()
}

/** Of what was said since the last stop in good order: the last line whose words are known, else the last grave one. */
export function tellingLine(lines: readonly string[]): string | undefined {
  const since = lines.slice(lines.findLastIndex((line) => line.includes('"closed etcd server"')) + 1)
  // A stop in good order logs words that mean trouble elsewhere: "local server is not leader".
  const known = since.findLast((line) => !/"level":"(info|debug)"/.test(line) && explainEtcd(line) !== '')
  return known ?? since.findLast((line) => grave.some((sign) => sign.test(line)))
}

/** That flags do not fit each other etcd only warns of; that it does not know one it says before it can log. */
const grave = [
  /"level":"(error|panic|fatal|dpanic)"|"msg":"failed to verify flags"|^(panic|fatal)\b/i,
  /^flag provided but not defined|^invalid value .* for flag/i,
]

/** etcd logs JSON lines: what went wrong is in `error`, else in `msg`. */
function wordsOf(line: string): string {
  const field = (name: string) => new RegExp(`"${name}":"((?:[^"\\\\]|\\\\.)*)"`).exec(line)?.[1]
  return (field('error') ?? field('msg') ?? line).slice(0, 300)
}
