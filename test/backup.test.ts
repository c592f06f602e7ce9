import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import type { EtcdMinor } from '../lab/binaries.ts'
import { createEtcdClient } from '../lab/etcd-client.ts'
import { type LabActions, startLabActions } from './lab-actions.ts'

/** Backups on the process lab: taken, kept, encrypted, pruned, proven. */
describe.each<[EtcdMinor]>([['3.5'], ['3.6'], ['3.7']])('etcd %s', (minor) => {
  let at: LabActions
  let extra = ''
  const write = async (prefix: string, count = 50): Promise<void> => {
    const { address, clientPort } = at.lab.host('h1')
    const client = createEtcdClient(`${address}:${clientPort}`)
    await client.putAll(Array.from({ length: count }, (_, i) => [`${prefix}-${i}`, 'x'] as const))
    client.close()
  }
  beforeAll(async () => {
    at = await startLabActions({
      minor,
      inventory: (text) =>
        text.replace(/^( +)members:/m, (line, indent: string) => extra.replace(/^/gm, indent) + '\n' + line),
    })
    await write('first')
  }, 120_000)
  afterAll(() => at?.close(), 60_000)

  test('without a store a backup stays on its member’s host, with a manifest, and proves itself', async () => {
    extra = ''
    for (const host of ['h1', 'h2', 'h3']) {
      const { layout } = at.lab.host(host)
      mkdirSync(join(layout.workDir, 'backups'), { recursive: true })
      writeFileSync(join(layout.workDir, 'backups', 'demo-0123456789.unverified.part'), 'half of one')
      writeFileSync(join(layout.workDir, 'backups', 'demo-r000000000007-0123456789.db'), 'not stored')
    }
    const taken = await at.act('etcd.backup', {}, { run: 'first', step: 'backup' })
    expect(taken).toMatchObject({ keys: 50, encrypted: false })
    // What a host that died in the middle left is no backup, and goes with the next one, by a job on record there.
    for (const host of ['h1', 'h2', 'h3']) {
      expect(leftOn(host).filter((name) => name.includes('0123456789'))).toEqual([])
      const jobs = join(at.lab.host(host).layout.workDir, 'jobs')
      expect(readdirSync(jobs)).toContain('first.backup.leftovers')
    }
    const { newest } = await at.act('backup.list', {})
    expect(newest).toMatchObject({ path: taken['path'], sha256: taken['sha256'], keys: 50, state: 'sound' })
    await write('second', 10)
    const { paths } = await at.act(
      'snapshot.distribute',
      { host: newest.host, path: newest.path, to: ['h4'] },
      { run: 'drill' },
    )
    const drilled = await at.act(
      'backup.drill',
      { host: 'h4', path: paths['h4'], sha256: newest.sha256 },
      { run: 'drill' },
    )
    expect(drilled).toMatchObject({
      ok: true,
      problems: [],
      notCompared: [],
      keys: 50,
      sampled: 50,
      kvHash: taken['kvHash'],
    })
    await at.act('snapshot.discard', { hosts: ['h4'] }, { run: 'drill' })
    expect(leftOn('h4')).toEqual([])
  }, 60_000)

  test('a backup goes encrypted to its store, and only the identity brings it back', async () => {
    const identity = await generateX25519Identity()
    const file = join(at.root, 'identity.txt')
    writeFileSync(file, `# made for a test\n${identity}\n`)
    const store = join(at.root, 'store')
    extra = `backup: { host: h4, directory: ${store}, recipients: [${await identityToRecipient(identity)}], identity: ${file}, keep: 2 }`
    const taken = await at.act('etcd.backup', {})
    expect(taken).toMatchObject({ host: 'h4', encrypted: true })
    expect(readFileSync(taken['path']).subarray(0, 21).toString()).toBe('age-encryption.org/v1')
    expect(
      at.lab.hosts
        .flatMap(({ name }) => leftOn(name))
        .filter((left) => left.includes('-r0') && left.endsWith('.db')),
    ).toHaveLength(1)
    const { paths } = await at.act(
      'snapshot.distribute',
      { host: 'h4', path: taken['path'], to: ['h1', 'h4'] },
      { run: 'two' },
    )
    const verified = await at.act('snapshot.verify', { host: 'h1', path: paths['h1'] }, { run: 'two' })
    expect(verified).toMatchObject({
      ok: true,
      sha256: taken['sha256'],
      members: ['etcd-1', 'etcd-2', 'etcd-3'],
    })
    const drilled = await at.act(
      'backup.drill',
      { host: 'h4', path: paths['h4'], sha256: taken['sha256'] },
      { run: 'two' },
    )
    expect(drilled).toMatchObject({ ok: true, keys: 60 })
  }, 60_000)

  test('retention keeps the newest sound ones, and counts none that is not', async () => {
    await write('third', 1)
    const second = await at.act('etcd.backup', {})
    expect(await at.act('backup.prune', {})).toMatchObject({ removed: [], why: 'Nothing is old enough.' })
    await write('fourth', 1)
    const third = await at.act('etcd.backup', {})
    writeFileSync(third['path'], 'x'.repeat(readFileSync(third['path']).length))
    expect(await at.act('backup.prune', {})).toMatchObject({
      removed: [],
      kept: expect.arrayContaining([`h4:${second['path']}`]),
    })
    await write('fifth', 1)
    await at.act('etcd.backup', {})
    const pruned = await at.act('backup.prune', {})
    expect(pruned['removed']).toHaveLength(1)
    const { backups } = await at.act('backup.list', { verify: 9 })
    expect(backups.map(({ state }: { state: string }) => state)).toEqual([
      'sound',
      'broken',
      'sound',
      'sound',
    ])
  }, 60_000)

  const leftOn = (host: string): string[] => {
    const { workDir } = at.lab.host(host).layout
    return ['drill', 'restore', 'backups', 'throwaway'].flatMap((directory) => {
      try {
        return readdirSync(join(workDir, directory), { recursive: true }).map(String)
      } catch {
        return []
      }
    })
  }
})
