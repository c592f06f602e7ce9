import { copyFile, mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from './run-command.ts'
import type { Way } from './ways.ts'

/**
 * Takes programs out of packages of Debian without installing them, for what is too old to be had otherwise:
 * etcd 3.4 is in bookworm. apt checks the packages against its signed lists.
 */
export function debianPackagesWay(
  packages: readonly string[],
  version: string,
  programs: readonly string[],
): Way {
  return {
    name: `Debian's packages`,
    async install(directory, onProgress) {
      await requireOffered(packages[0] ?? '', version)
      const place = join(directory, 'packages')
      await mkdir(place)
      onProgress(`downloading ${packages.join(' and ')} with apt-get`)
      const asRoot = process.getuid?.() === 0 ? ['-o', 'APT::Sandbox::User=root'] : []
      await runCommand('apt-get', ['download', '-qq', ...asRoot, ...packages], {
        cwd: place,
        timeoutMs: 5 * 60_000,
      })
      for (const file of await readdir(place))
        await runCommand('dpkg-deb', ['--extract', join(place, file), join(place, 'content')], {
          timeoutMs: 60_000,
        })
      for (const program of programs)
        await copyFile(join(place, 'content/usr/bin', program), join(directory, program))
      await rm(place, { recursive: true })
    },
  }
}

/** A machine that never read apt's lists knows no packages: root reads them then. */
async function requireOffered(name: string, version: string): Promise<void> {
  let offered = await candidate(name)
  if (offered === undefined && process.getuid?.() === 0) {
    await runCommand('apt-get', ['update', '-qq'], { timeoutMs: 5 * 60_000 })
    offered = await candidate(name)
  }
  if (offered === undefined) throw new Error(`apt knows no package ${name}`)
  if (!offered.startsWith(version)) throw new Error(`apt offers ${name} ${offered}, not ${version}`)
}

async function candidate(name: string): Promise<string | undefined> {
  const said = await runCommand('apt-cache', ['policy', name], {
    timeoutMs: 60_000,
    env: { ...process.env, LC_ALL: 'C' },
  })
  const version = /^\s*Candidate: (\S+)$/m.exec(said)?.[1]
  return version === '(none)' ? undefined : version
}
