import { spawn } from 'node:child_process'
import { z } from 'zod'
import { runCommand } from '../run-command.ts'
import { labNames } from './names.ts'

/**
 * The private network of a lab: a bridge with this machine as `.1`. The hosts have no route out of it. Should the
 * bridge be gone while somebody still asks for one of its addresses, nothing may leave this machine by the
 * default route: a second, worse route ends there.
 */
export async function makeNetwork(number: number): Promise<void> {
  const { bridge, gateway, network } = labNames(number)
  await ip('route', 'replace', 'unreachable', network, 'metric', WORST_METRIC)
  await ip('link', 'add', bridge, 'type', 'bridge')
  await ip('address', 'add', `${gateway}/24`, 'dev', bridge)
  await ip('link', 'set', bridge, 'up')
}

/** Safe to repeat, also while another process does the same. */
export async function removeNetwork(number: number): Promise<void> {
  const { bridge, linkPrefix, network, table } = labNames(number)
  // A busy kernel takes the links of killed hosts away late; the next lab of this number must not meet them.
  const left = (await links()).filter(({ ifname }) => ifname.startsWith(linkPrefix))
  for (const name of [...left.map(({ ifname }) => ifname), bridge]) await removeLink(name)
  await nft(`table bridge ${table}\ndelete table bridge ${table}\n`)
  await gone(
    async () => (await ip('route', 'show', 'type', 'unreachable', network)).trim() !== '',
    () => ip('route', 'delete', 'unreachable', network, 'metric', WORST_METRIC),
  )
}

/** Safe to repeat. */
export function removeLink(name: string): Promise<void> {
  return gone(
    () => linkExists(name),
    () => ip('link', 'delete', name),
  )
}

/** Numbers whose network is in use here, by whomever. */
export async function takenNumbers(): Promise<ReadonlySet<number>> {
  const routes = await ip('route', 'show', 'table', 'all')
  const used = [...routes.matchAll(/\b10\.87\.(\d+)\./g)].map(([, number]) => Number(number))
  const bridges = (await links()).flatMap(({ ifname }) => /^quorate-(\d+)$/.exec(ifname)?.[1] ?? [])
  return new Set([...used, ...bridges.map(Number)])
}

export async function linkExists(name: string): Promise<boolean> {
  return (await links()).some(({ ifname }) => ifname === name)
}

/** Packets that are lost without a word: those `from` one address `to` another (either may be any), on some ports. */
export interface Cut {
  /** The host it was made for; healing the host takes it back. */
  readonly host: string
  readonly from?: string
  readonly to?: string
  /** Only TCP to or from these ports. */
  readonly ports?: readonly number[]
}

/** Puts exactly these cuts in force, at once. They are made on the bridge: nothing on the hosts shows them. */
export async function setCuts(number: number, cuts: readonly Cut[]): Promise<void> {
  const { table } = labNames(number)
  const rules = cuts.flatMap(rulesOf).map((rule) => `    ${rule}\n`)
  const chains = ['forward', 'input', 'output'].map(
    (hook) => `  chain ${hook} {\n    type filter hook ${hook} priority 0;\n${rules.join('')}  }\n`,
  )
  // Made, deleted and made again in one transaction, because deleting what is not there is an error.
  await nft(
    `table bridge ${table}\ndelete table bridge ${table}\ntable bridge ${table} {\n${chains.join('')}}\n`,
  )
}

const WORST_METRIC = '4000000'

function rulesOf({ from, to, ports }: Cut): string[] {
  const addresses = [from && `ip saddr ${from}`, to && `ip daddr ${to}`].filter(Boolean).join(' ')
  if (ports === undefined) return [`${addresses} drop`]
  const list = `{ ${ports.join(', ')} }`
  return [`${addresses} tcp dport ${list} drop`, `${addresses} tcp sport ${list} drop`]
}

/** Removes what is there; that it was gone before it could be removed is as good. */
async function gone(isThere: () => Promise<boolean>, remove: () => Promise<unknown>): Promise<void> {
  if (!(await isThere())) return
  try {
    await remove()
  } catch (error) {
    if (await isThere()) throw error
  }
}

const linkList = z.array(z.object({ ifname: z.string() }))

/** While others come and go, `ip` adds a sentence to its answer, and asks to be asked again. */
async function links() {
  const whole = (text: string) => text.replace(/^Dump was interrupted.*$/m, '')
  return linkList.parse(JSON.parse(whole(await ip('-json', 'link', 'show'))))
}

function ip(...args: readonly string[]): Promise<string> {
  return runCommand('ip', args, { timeoutMs: 10_000 })
}

function nft(ruleset: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('nft', ['-f', '-'], { stdio: ['pipe', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    child.once('error', reject)
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`nft ended with ${code}: ${said.trim()}`)),
    )
    child.stdin.end(ruleset)
  })
}
