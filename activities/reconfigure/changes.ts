/** Settings to change, by etcd's flag; "" takes one out. */
export type Changes = Readonly<Record<string, string>>

export interface ReadChanges {
  readonly settings: Changes
  /** What is wrong with them, a sentence each. */
  readonly problems: readonly string[]
}

/** Reads `flag=value` texts as a person writes them, dashes or not; `flag=` takes a setting out. Pure. */
export function readChanges(texts: readonly string[]): ReadChanges {
  const settings: Record<string, string> = {}
  const problems: string[] = []
  for (const text of texts) {
    const [, flag, value] = /^\s*(?:--?)?([a-z][a-z0-9-]*)\s*=(.*)$/s.exec(text) ?? []
    const problem =
      flag === undefined || value === undefined
        ? `"${text}" is no setting: write it as FLAG=VALUE, such as quota-backend-bytes=8589934592, and FLAG= to take it out.`
        : whyNotChanged(flag, value.trim(), settings)
    if (problem !== undefined) problems.push(problem)
    else if (flag !== undefined && value !== undefined) settings[flag] = value.trim()
  }
  return { settings, problems }
}

function whyNotChanged(flag: string, value: string, already: Changes): string | undefined {
  if (Object.hasOwn(already, flag)) return `${flag} is given twice.`
  if (/[\n\r]/.test(value)) return `${flag} cannot have a value of several lines.`
  const reason = owned[flag]
  return reason === undefined ? undefined : `${flag} is not changed in this way: ${reason}.`
}

const identity = 'it says which member this is, and where its data lies'
const addresses = 'addresses belong to the membership and the inventory'
const forming = 'it counts only when a cluster is formed'

/** What makes a member itself, or would make another cluster of it. */
const owned: Readonly<Record<string, string>> = {
  name: identity,
  'data-dir': identity,
  'wal-dir': identity,
  'config-file': 'the inventory says where the configuration is',
  'listen-peer-urls': addresses,
  'listen-client-urls': addresses,
  'initial-advertise-peer-urls': addresses,
  'advertise-client-urls': addresses,
  'initial-cluster': forming,
  'initial-cluster-state': forming,
  'initial-cluster-token': forming,
  discovery: forming,
  'discovery-token': forming,
  'discovery-endpoints': forming,
  'discovery-srv': forming,
  'force-new-cluster': 'it makes a cluster of one member, and destroys the others',
}
