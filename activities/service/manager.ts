import type { Service } from '../../dsl/inventory.ts'
import { ActionError } from '../failure.ts'
import type { Exited, RemoteHost } from '../ssh/remote-host.ts'

export type ServiceState = 'running' | 'stopped'

/** How one kind of service manager is told to do things; another kind is another row of `managers`. */
export interface ServiceManager {
  readonly start: readonly string[]
  readonly stop: readonly string[]
  readonly status: readonly string[]
  readonly enable: readonly string[]
  readonly disable: readonly string[]
  /** What the answer of `status` means; `undefined` when it means neither. */
  readonly judge: (status: Exited) => ServiceState | undefined
}

export function serviceManager(service: Service): ServiceManager {
  return managers[service.manager](service)
}

const managers: {
  readonly [Kind in Service['manager']]: (service: Extract<Service, { manager: Kind }>) => ServiceManager
} = {
  script: ({ start, stop, status, enable, disable }) => ({
    start,
    stop,
    status,
    enable,
    disable,
    judge: byExitCode,
  }),
}

/** As in the LSB, and as systemctl does: 0 is running, 3 is not. */
function byExitCode({ code }: Exited): ServiceState | undefined {
  return code === 0 ? 'running' : code === 3 ? 'stopped' : undefined
}

/** Asks the host's service manager whether etcd runs. */
export async function serviceState(host: RemoteHost, service: Service): Promise<ServiceState> {
  const { status, judge } = serviceManager(service)
  const answer = await host.exec({ argv: status, privileged: true })
  const state = judge(answer)
  if (state) return state
  const said = answer.stderr.trim() || answer.stdout.trim()
  throw new ActionError(
    `The service status of etcd on ${host.name} is not known: ${status.join(' ')} ended with ${answer.code}${said && ` (${said})`}. It should end with 0 or 3.`,
  )
}
