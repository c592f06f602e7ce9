import type { EtcdLayout } from '../../dsl/inventory.ts'
import { dataDirectories } from '../dir/data-directories.ts'
import { portsSeenFrom, type PortState } from '../host/ports.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { type ServiceState, serviceState } from './manager.ts'

/** What a host itself says of its etcd: three witnesses, because each can be wrong alone. */
export interface ServiceFacts {
  readonly service: ServiceState
  readonly clientPort: PortState
  readonly peerPort: PortState
  /** Whether a process has the database open. */
  readonly dataDir: 'open' | 'closed' | 'absent' | 'unknown'
}

export async function serviceFacts(host: RemoteHost, layout: EtcdLayout): Promise<ServiceFacts> {
  const { address, clientPort, peerPort } = layout
  const [service, [client = 'unknown', peer = 'unknown'], { inPlace }] = await Promise.all([
    serviceState(host, layout.service),
    portsSeenFrom(host, [
      { address, port: clientPort },
      { address, port: peerPort },
    ]),
    dataDirectories(host, layout.dataDir),
  ])
  return { service, clientPort: client, peerPort: peer, dataDir: inPlace ? openness[inPlace.open] : 'absent' }
}

const openness = { yes: 'open', no: 'closed', unknown: 'unknown' } as const

/** Why etcd cannot be called stopped there; "" when all witnesses say that it is. */
export function whyNotStopped({ service, clientPort, peerPort, dataDir }: ServiceFacts): string {
  const signs = [
    service === 'running' && 'the service manager says that it runs',
    service === 'restarting' && 'the service manager is about to start it again',
    clientPort === 'open' && 'its client port takes connections',
    peerPort === 'open' && 'its peer port takes connections',
    dataDir === 'open' && 'a process has its database open',
  ]
  return signs.filter(Boolean).join(', ')
}
