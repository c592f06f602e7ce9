import type { DockerService, Service, SuperviseService, SystemdService } from '../../dsl/inventory.ts'
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
  switch (service.manager) {
    case 'script': {
      const { start, stop, status, enable, disable } = service
      return { start, stop, status, enable, disable, judge: byExitCode }
    }
    case 'systemd':
      return systemd(service)
    case 'docker':
      return docker(service)
    case 'supervise':
      return supervise(service)
  }
}

function systemd({ unit }: SystemdService): ServiceManager {
  return {
    start: ['systemctl', 'start', unit],
    stop: ['systemctl', 'stop', unit],
    status: ['systemctl', 'is-active', unit],
    enable: ['sh', '-c', 'systemctl unmask "$1" && systemctl enable "$1"', 'enable', unit],
    disable: ['sh', '-c', 'systemctl disable "$1" && systemctl mask "$1"', 'disable', unit],
    judge: byExitCode,
  }
}

function docker({ container }: DockerService): ServiceManager {
  return {
    start: ['docker', 'start', container],
    stop: ['docker', 'stop', container],
    status: ['docker', 'inspect', '--format', '{{.State.Running}}', container],
    enable: ['docker', 'update', '--restart=unless-stopped', container],
    disable: ['docker', 'update', '--restart=no', container],
    judge: ({ code, stdout }) => (code !== 0 ? undefined : stdout.trim() === 'true' ? 'running' : 'stopped'),
  }
}

function supervise({ directory }: SuperviseService): ServiceManager {
  return {
    start: ['svc', '-u', directory],
    stop: ['svc', '-d', directory],
    status: ['svstat', directory],
    enable: ['rm', '-f', `${directory}/down`],
    disable: ['touch', `${directory}/down`],
    judge: ({ stdout }) =>
      /: up /.test(stdout) ? 'running' : /: down /.test(stdout) ? 'stopped' : undefined,
  }
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
