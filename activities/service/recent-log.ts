import type { Service } from '../../dsl/inventory.ts'
import { explainEtcd } from '../etcd/errors.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'

/**
 * What etcd's words at the end of its log mean, for a person; "" when the host does not say, or nothing is
 * recognised. Only a service manager that keeps a log can be asked for it.
 */
export async function explainRecentLog(host: RemoteHost, service: Service): Promise<string> {
  const argv = logCommand(service)
  if (!argv) return ''
  const { stdout, stderr } = await host.exec({ argv, privileged: true })
  const lines = `${stdout}\n${stderr}`.trim().split('\n').toReversed()
  const telling = lines.find((line) => explainEtcd(line) !== '')
  return telling === undefined ? '' : `etcd's log says "${wordsOf(telling)}". ${explainEtcd(telling)}`
}

function logCommand(service: Service): readonly string[] | undefined {
  switch (service.manager) {
    case 'systemd':
      return ['journalctl', '--unit', service.unit, '--lines', '60', '--output', 'cat', '--no-pager']
    case 'docker':
      return ['docker', 'logs', '--tail', '60', service.container]
    case 'supervise':
    case 'script':
      return undefined
  }
}

/** etcd logs JSON lines: what went wrong is in `error`, else in `msg`. */
function wordsOf(line: string): string {
  const field = (name: string) => new RegExp(`"${name}":"((?:[^"\\\\]|\\\\.)*)"`).exec(line)?.[1]
  return (field('error') ?? field('msg') ?? line).slice(0, 300)
}
