import type { ScriptService, Service } from '../../dsl/inventory.ts'
import { ActionError } from '../failure.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { docker } from './docker.ts'
import { startScript } from './scripts.ts'
import { supervise } from './supervise.ts'
import { systemd } from './systemd.ts'

/** `restarting`: it ended, and its manager is about to start it again, as after a crash. */
export type ServiceState = 'running' | 'restarting' | 'stopped'

/** How one kind of service manager is told to do things: commands as lists of words, run with root's rights. */
export interface ServiceManager {
  /** Starts it and returns when it has stayed up for a second, or says on stderr why it does not. */
  readonly start: readonly string[]
  /** Stops it and returns when its manager takes it for stopped. */
  readonly stop: readonly string[]
  /** Ends with 0 while it runs, 3 while it is stopped and 5 while it is being restarted. */
  readonly status: readonly string[]
  /** Lifts the fence, and has a reboot start it. */
  readonly enable: readonly string[]
  /** The fence: afterwards neither a start by hand nor a reboot brings it up. Does not stop what runs. */
  readonly disable: readonly string[]
  /** Ends with 0 while it is fenced and 3 while it is not; left out where nobody can tell. */
  readonly fenced?: readonly string[]
  /** Prints the end of etcd's log; left out where it is not known where that is. */
  readonly log?: readonly string[]
}

export function serviceManager(service: Service): ServiceManager {
  switch (service.manager) {
    case 'script':
      return script(service)
    case 'systemd':
      return systemd(service)
    case 'docker':
      return docker(service)
    case 'supervise':
      return supervise(service)
  }
}

/** Start and stop scripts know nothing of a crash: what does not run a second after its start has failed. */
function script({ start, stop, status, enable, disable, log }: ScriptService): ServiceManager {
  const words = [String(start.length), ...start, ...status]
  return {
    start: ['sh', '-c', startScript, 'start', ...words],
    ...{ stop, status, enable, disable },
    ...(log !== undefined && { log: ['tail', '-n', '60', log] }),
  }
}

/** Asks the host's service manager whether etcd runs. */
export async function serviceState(host: RemoteHost, service: Service): Promise<ServiceState> {
  const { status } = serviceManager(service)
  const { code, stdout, stderr } = await host.exec({ reads: true, argv: status, privileged: true })
  const state = states.get(code)
  if (state) return state
  const said = stderr.trim() || stdout.trim()
  throw new ActionError(
    `The service status of etcd on ${host.name} is not known: ${statusOf(service)} ended with ${code}${said && ` (${said})`}. Correct etcd.service in the inventory.`,
  )
}

/** Whether etcd is kept from being started there; `undefined` where the service manager cannot tell. */
export async function isFenced(host: RemoteHost, service: Service): Promise<boolean | undefined> {
  const { fenced } = serviceManager(service)
  if (!fenced) return undefined
  const { code } = await host.exec({ reads: true, argv: fenced, privileged: true })
  return code === 0 ? true : code === 3 ? false : undefined
}

/** As in the LSB, and as systemctl does: 0 is running, 3 is not. */
const states: ReadonlyMap<number, ServiceState> = new Map([
  [0, 'running'],
  [3, 'stopped'],
  [5, 'restarting'],
])

/** Which question that was, for a person. */
function statusOf(service: Service): string {
  switch (service.manager) {
    case 'script':
      return service.status.join(' ')
    case 'systemd':
      return `asking systemd for ${service.unit}`
    case 'docker':
      return `asking docker for the container ${service.container}`
    case 'supervise':
      return `svstat ${service.directory}`
  }
}
