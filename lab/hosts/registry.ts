import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { controlGroup } from './cgroups.ts'
import { labNames } from './names.ts'
import { removeNetwork, takenNumbers } from './network.ts'
import { type HostsLabRecord, readRecord, startedTicks } from './record.ts'

/** A number of this machine that is one lab's own: `10.87.NUMBER.0/24`, the bridge, the control groups. */
export interface Claim {
  readonly number: number
  /** Tells other processes what the lab is. */
  announce(record: HostsLabRecord): void
  /** Ends all that carries the number, and gives it back. Safe to repeat. */
  release(): Promise<void>
}

/** Takes a free number, after ending labs whose owner is gone. */
export async function claimNumber(): Promise<Claim> {
  await sweepDeadLabs()
  mkdirSync(REGISTRY, { recursive: true, mode: 0o755 })
  const taken = await takenNumbers()
  for (let number = FIRST_NUMBER; number <= LAST_NUMBER; number++) {
    if (taken.has(number)) continue
    try {
      mkdirSync(placeOf(number))
    } catch {
      continue
    }
    // Of a lab whose end was cut off, maybe: systemd-nspawn refuses to boot beside them.
    removeTraces(labNames(number).machinePrefix)
    return claimOf(number)
  }
  throw new Error('No number is left for a hosts lab on this machine: end some (`quorate lab hosts down`).')
}

/** The labs of this machine that are announced. */
export function announcedLabs(): HostsLabRecord[] {
  return numbers().flatMap((number) => readRecord(recordFile(number)) ?? [])
}

/** Whether the one who is to end it still lives; a lab without an owner lives until it is ended. */
export function ownerLives({ owner }: HostsLabRecord): boolean {
  return owner === undefined || startedTicks(owner.pid) === owner.startedTicks
}

/** Ends every lab whose owner died, and what is left of a start that was cut off. Returns their numbers. */
export async function sweepDeadLabs(): Promise<number[]> {
  const dead = numbers().filter(isDead)
  for (const number of dead) await endLab(number)
  return dead
}

/** Ends everything that carries the lab's number: processes, mounts, bridge, rules, control groups. Safe to repeat. */
export async function endLab(number: number): Promise<void> {
  const names = labNames(number)
  const group = controlGroup(names.group)
  await group.kill()
  await group.remove()
  await removeNetwork(number)
  removeTraces(names.machinePrefix)
  const directory = readRecord(recordFile(number))?.directory
  // The hosts' disks are large, and their boot is the only thing that anybody asks about afterwards.
  if (directory !== undefined) removeDisks(directory)
  rmSync(placeOf(number), { recursive: true, force: true })
}

const REGISTRY = '/run/quorate-hosts-labs'
const FIRST_NUMBER = 1
const LAST_NUMBER = 250
const CUT_OFF_AFTER_MS = 120_000

const placeOf = (number: number): string => join(REGISTRY, String(number))
const recordFile = (number: number): string => join(placeOf(number), 'lab.json')

function numbers(): number[] {
  if (!existsSync(REGISTRY)) return []
  return readdirSync(REGISTRY)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

function claimOf(number: number): Claim {
  return {
    number,
    announce(record) {
      const file = recordFile(number)
      writeFileSync(`${file}.new`, `${JSON.stringify(record, null, 2)}\n`)
      renameSync(`${file}.new`, file)
    },
    release: () => endLab(number),
  }
}

function isDead(number: number): boolean {
  const record = readRecord(recordFile(number))
  if (record !== undefined) return !ownerLives(record)
  try {
    return Date.now() - statSync(placeOf(number)).mtimeMs > CUT_OFF_AFTER_MS
  } catch {
    return false
  }
}

/** What systemd-nspawn leaves when it is killed. */
function removeTraces(machinePrefix: string): void {
  const place = '/run/systemd/nspawn/propagate'
  if (!existsSync(place)) return
  for (const name of readdirSync(place).filter((each) => each.startsWith(machinePrefix)))
    rmSync(join(place, name), { recursive: true, force: true })
}

function removeDisks(directory: string): void {
  const hosts = join(directory, 'hosts')
  if (!existsSync(hosts)) return
  for (const host of readdirSync(hosts))
    for (const name of ['disk.img', 'work', 'upper', 'mount'])
      rmSync(join(hosts, host, name), { recursive: true, force: true })
}
