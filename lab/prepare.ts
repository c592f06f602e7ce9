import { writeFileSync } from 'node:fs'
import { etcdEnvironment } from './etcd-environment.ts'
import { type HostPrograms, type LabHostSetup, layOutHost } from './lab-host.ts'
import { type LabCluster, type LabHostFacts, labInventory } from './lab-inventory.ts'
import type { LabLayout } from './layout.ts'
import { introduceHost, makeIdentity } from './ssh-trust.ts'

/** What a lab is to be, before anything of it is there. */
export interface LabPlan {
  readonly layout: LabLayout
  readonly id: string
  readonly hosts: readonly LabHostFacts[]
  readonly programs: HostPrograms
  /** More variables for each member. */
  readonly environment: Readonly<Record<string, string>>
  readonly user: string
  readonly clusters: Readonly<Record<string, LabCluster>>
  readonly setups: readonly LabHostSetup[]
}

/** Lays out all hosts with their keys, configures the members and writes the inventory. */
export function prepareLab(plan: LabPlan): void {
  const { layout, id, hosts, setups, programs, user, clusters } = plan
  const { identity, knownHosts } = layout
  const publicKey = makeIdentity(identity, `quorate-lab-${id}`)
  for (const setup of setups) {
    const { name, address, sshPort, layout } = setup.facts
    layOutHost(setup, programs, publicKey)
    introduceHost({ directory: layout.root, knownHosts, address, port: sshPort, comment: name })
  }
  for (const { members } of Object.values(clusters)) configureMembers(plan, members)
  writeFileSync(layout.inventory, labInventory({ user, identity, knownHosts, hosts, clusters }))
}

const url = (address: string, port: number): string => `http://${address}:${port}`

function configureMembers({ hosts, id, environment }: LabPlan, members: LabCluster['members']): void {
  const factsOf = (host: string) => hosts.filter(({ name }) => name === host)
  const initialCluster = Object.fromEntries(
    Object.entries(members).flatMap(([member, host]) =>
      factsOf(host).map(({ address, peerPort }) => [member, url(address, peerPort)]),
    ),
  )
  for (const [name, host] of Object.entries(members)) {
    for (const { address, clientPort, peerPort, layout } of factsOf(host)) {
      const text = etcdEnvironment({
        name,
        dataDir: layout.dataDir,
        clientUrl: url(address, clientPort),
        peerUrl: url(address, peerPort),
        initialCluster,
        token: `quorate-lab-${id}`,
        more: environment,
      })
      writeFileSync(layout.environment, text, { mode: 0o600 })
    }
  }
}
