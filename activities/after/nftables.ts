/** Who may reach etcd's ports on one host. */
export interface PortRules {
  /** Names the table, with the prefix `quorate_`. */
  readonly cluster: string
  readonly clientPort: number
  readonly peerPort: number
  /** Addresses of the peers; no names, which nftables would look up only once. */
  readonly peers: readonly string[]
  /** Addresses or networks (`10.0.0.0/8`) of clients. Peers may reach the client port as well. */
  readonly clients: readonly string[]
  /** False on a host whose member is gone: then no client may, and peers may reach the peer port only. */
  readonly serves: boolean
}

/**
 * A file of nftables with a table of its own, loaded as one transaction: what it named before is replaced at
 * once, other tables are not touched. It only ever narrows: what another table drops stays dropped. Pure.
 * Source: nft(8), "inet" tables, sets with intervals, `ct state`.
 */
export function portRules(rules: PortRules): string {
  const table = `inet ${tableName(rules.cluster)}`
  const { clientPort, peerPort, serves } = rules
  const peers = sets('peers', rules.peers)
  const clients = sets('clients', serves ? rules.clients : [])
  const allowed = (port: number, names: readonly SetOf[]) =>
    names.map(({ name, family }) => `    tcp dport ${port} ${family} saddr @${name} accept`)
  return [
    `# Who reaches the ports of etcd (${rules.cluster}) on this host. Written by Quorate, which replaces all of it`,
    `# whenever the membership changes; who the clients are is said in its inventory.`,
    `table ${table}`,
    `delete table ${table}`,
    `table ${table} {`,
    ...[...peers, ...clients].map(setText),
    `  chain input {`,
    `    type filter hook input priority filter - 5; policy accept;`,
    `    iif "lo" accept`,
    `    ct state established,related accept`,
    ...allowed(peerPort, peers),
    ...(serves ? allowed(clientPort, [...peers, ...clients]) : []),
    `    tcp dport { ${[clientPort, peerPort].toSorted((a, b) => a - b).join(', ')} } reject with tcp reset`,
    `  }`,
    `}`,
    ``,
  ].join('\n')
}

/** A file that takes the table away, and leaves the ports to the other tables. */
export function noRules(cluster: string): string {
  const table = `inet ${tableName(cluster)}`
  return `# Written by Quorate: no rules for etcd (${cluster}) on this host.\ntable ${table}\ndelete table ${table}\n`
}

/** As nftables takes it: letters, digits and `_`. Other characters are spelled out, so that no two names meet. */
export function tableName(cluster: string): string {
  return `quorate_${cluster.replace(/[^A-Za-z0-9]/g, (one) => `_${one.charCodeAt(0).toString(16)}_`)}`
}

interface SetOf {
  readonly name: string
  readonly family: 'ip' | 'ip6'
  readonly elements: readonly string[]
}

function sets(name: string, elements: readonly string[]): readonly SetOf[] {
  const each = [...new Set(elements)].toSorted()
  const all = [
    { name: `${name}4`, family: 'ip', elements: each.filter((element) => !element.includes(':')) },
    { name: `${name}6`, family: 'ip6', elements: each.filter((element) => element.includes(':')) },
  ] as const
  return all.filter((set) => set.elements.length > 0)
}

function setText({ name, family, elements }: SetOf): string {
  const type = family === 'ip' ? 'ipv4_addr' : 'ipv6_addr'
  return `  set ${name} {\n    type ${type}; flags interval; auto-merge;\n    elements = { ${elements.join(', ')} }\n  }`
}
