import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * The control groups of a lab: `quorate-N/HOST` in every hierarchy a host's systemd needs, so that a host can be
 * frozen and killed as one. Works where cgroup2 stands alone and where it stands beside version 1.
 */
export interface ControlGroup {
  /** Directories to join before the host is booted. */
  readonly directories: readonly string[]
  /** Numbers of the processes in it and below it. */
  processes(): readonly number[]
  /** Kills all of them at once, frozen ones too, and returns when they are gone. */
  kill(): Promise<void>
  freeze(frozen: boolean): void
  isFrozen(): boolean
  /** Removes the directories; nothing may run in them. */
  remove(): Promise<void>
}

export function controlGroup(name: string): ControlGroup {
  const { unified, others } = hierarchies()
  const main = join(unified, name)
  const directories = [unified, ...others].map((hierarchy) => join(hierarchy, name))
  const processes = (): readonly number[] => processesBelow(main)
  return {
    directories,
    processes,
    async kill() {
      if (!existsSync(main)) return
      const deadline = Date.now() + KILLED_WITHIN_MS
      while (processes().length > 0) {
        writeFileSync(join(main, 'cgroup.kill'), '1')
        await sleep(20)
        if (Date.now() > deadline)
          throw new Error(`Processes ${processes().join(', ')} of ${main} cannot be killed.`)
      }
    },
    freeze: (frozen) => writeFileSync(join(main, 'cgroup.freeze'), frozen ? '1' : '0'),
    isFrozen() {
      const file = join(main, 'cgroup.freeze')
      return existsSync(file) && readFileSync(file, 'utf8').trim() === '1'
    },
    async remove() {
      for (const directory of directories) await removeTree(directory)
    },
  }
}

/** Makes the directories that a host's first process joins. */
export function makeControlGroup({ directories }: ControlGroup): void {
  for (const directory of directories) mkdirSync(directory, { recursive: true })
}

const KILLED_WITHIN_MS = 20_000
const REMOVED_WITHIN_MS = 5_000

interface Hierarchies {
  readonly unified: string
  /** The named one that systemd uses beside version 1. */
  readonly others: readonly string[]
}

/** Source: proc_pid_mountinfo(5): the mount point is the fifth field; type and options follow the hyphen. */
function hierarchies(): Hierarchies {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
  const ofType = (type: string, option = '') =>
    mounts.flatMap((fields) => {
      const [found, , options = ''] = fields.slice(fields.indexOf('-') + 1)
      const place = fields[4]
      return found === type && options.split(',').some((each) => option === '' || each === option) && place
        ? [place]
        : []
    })
  const [unified] = ofType('cgroup2')
  if (unified === undefined) throw new Error('No cgroup2 is mounted here: a hosts lab needs it.')
  return { unified, others: ofType('cgroup', 'name=systemd') }
}

function processesBelow(directory: string): number[] {
  let text: string
  try {
    text = readFileSync(join(directory, 'cgroup.procs'), 'utf8')
  } catch {
    return []
  }
  const own = text.split('\n').filter(Boolean).map(Number)
  return [...own, ...subdirectories(directory).flatMap(processesBelow)]
}

async function removeTree(directory: string): Promise<void> {
  if (!existsSync(directory)) return
  for (const below of subdirectories(directory)) await removeTree(below)
  const deadline = Date.now() + REMOVED_WITHIN_MS
  for (;;) {
    try {
      return rmdirSync(directory)
    } catch (error) {
      // Busy for a moment after its last process ended.
      if (!existsSync(directory)) return
      if (Date.now() > deadline) throw error
    }
    await sleep(20)
  }
}

function subdirectories(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(directory, name))
  } catch {
    return []
  }
}
