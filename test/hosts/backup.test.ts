import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { fill } from '../../lab/writer.ts'
import { whyEnded } from '../recovery.ts'
import { liveEndpoints, textOf, whileWriting } from '../world.ts'
import { describeOnHosts, type HostsWorld, startHostsWorld, untilSound } from './world.ts'

/** Backups of a cluster that speaks TLS: encrypted, on another host, opened by age itself, proven by a drill. */
let world: HostsWorld
const store = '/var/lib/backups'

describeOnHosts('etcd-backup and etcd-backup-drill', () => {
  beforeAll(async () => {
    world = await startHostsWorld({ version: '3.6', spares: 2 })
    await fill(await liveEndpoints(world), 500, 'fill/', world.tls)
    const identity = await sh('h4', 'age-keygen 2>/dev/null')
    const recipient = /public key: (age1\S+)/.exec(identity)?.[1] ?? ''
    writeFileSync(join(world.directory, 'identity.txt'), identity)
    const kept = `    backup: { host: h4, directory: ${store}, recipients: [${recipient}], identity: ${join(world.directory, 'identity.txt')}, keep: 2 }\n`
    const text = readFileSync(world.lab.inventory, 'utf8')
    writeFileSync(
      world.lab.inventory,
      text.replace(/^( +)demo:\n/m, (line) => `${line}${kept}`),
    )
  }, 180_000)
  afterAll(() => world?.close(), 60_000)

  const sh = async (host: string, script: string): Promise<string> => {
    const { code, stdout, stderr } = await world.lab.run(host, ['sh', '-c', script])
    if (code !== 0) throw new Error(`${script} on ${host}: ${stderr}`)
    return stdout
  }
  const run = async (runbook: string, inputs: object = {}) =>
    world.start(runbook, { cluster: 'demo', ...inputs })

  test('a backup is taken under writes, and age itself opens what lies in the store', async () => {
    const { result, lost } = await whileWriting(world, async () => (await run('etcd-backup')).result())
    expect(lost).toEqual([])
    const { path, sha256, host } = result.outputs
    expect(result.outputs).toMatchObject({ host: 'h4', encrypted: true, backups: 1 })
    expect(host).toBe('h4')
    expect(await sh('h4', `head -c 21 ${textOf(path)}`)).toBe('age-encryption.org/v1')
    const identity = readFileSync(join(world.directory, 'identity.txt'), 'utf8')
    await world.lab.writeFile('h4', '/root/identity', identity)
    expect(await sh('h4', `age -d -i /root/identity ${textOf(path)} | sha256sum | cut -c 1-64`)).toBe(
      `${textOf(sha256)}\n`,
    )
    expect(await sh('h4', `stat -c %a ${textOf(path)} ${store}`)).toBe('600\n700\n')
    for (const member of ['h1', 'h2', 'h3'])
      expect(await sh(member, 'find /var/lib/quorate/backups -type f 2>/dev/null | wc -l')).toBe('0\n')
  }, 120_000)

  test('a drill proves it on a spare, and leaves nothing there', async () => {
    const { outputs } = await (await run('etcd-backup-drill', { host: 'h4', maxAge: '1h' })).result()
    expect(outputs).toMatchObject({ sampled: 50, notCompared: [] })
    expect(Number(outputs['keys'])).toBeGreaterThan(500)
    expect(await sh('h4', 'pidof etcd || echo none')).toBe('none\n')
    expect(
      await sh(
        'h4',
        'find /var/lib/quorate/drill /var/lib/quorate/restore /var/lib/quorate/throwaway -type f 2>/dev/null | wc -l',
      ),
    ).toBe('0\n')
  }, 120_000)

  test('a backup that was changed in the store is not counted, not restored, and not called the newest', async () => {
    const { outputs: second } = await (await run('etcd-backup')).result()
    await sh('h4', `printf x | dd of=${textOf(second['path'])} bs=1 seek=5000 conv=notrunc 2>/dev/null`)
    const { outputs } = await (await run('etcd-backup-drill', { host: 'h4' })).result()
    expect(outputs['path']).not.toBe(second['path'])
    const broken = await run('etcd-backup-drill', {
      host: 'h4',
      backupHost: 'h4',
      backupPath: textOf(second['path']),
    })
    expect(await whyEnded(broken)).toMatch(/cannot be decrypted|is not what was backed up|was not read whole/)
  }, 180_000)

  test('a full disk in the store fails the run, loudly, and what was there stays', async () => {
    const before = await sh('h4', `ls ${store}`)
    await world.lab.fillDisk('h4')
    try {
      expect(await whyEnded(await run('etcd-backup'))).toMatch(
        /h4.*(could not be written|cannot be written|No space)/i,
      )
    } finally {
      await world.lab.freeDisk('h4')
    }
    expect(await sh('h4', `ls ${store} | grep -v part`)).toBe(before)
    await (await run('etcd-backup')).result()
    expect(await sh('h4', `ls ${store} | grep -c part || true`)).toBe('0\n')
  }, 180_000)

  /** Waits for the first process of that name on any of the hosts, stops it in its tracks, and says where that was. */
  const caughtOn = async (hosts: readonly string[], program: string): Promise<string> => {
    const first = await Promise.any(
      hosts.map((host) => sh(host, `${catchScript} && echo ${host}`.replaceAll('PROGRAM', program))),
    )
    await Promise.all(hosts.map((host) => sh(host, 'touch /run/caught')))
    return first.trim()
  }

  test('the member it is taken from dies in the middle: it is taken from another, and half of one is none', async () => {
    const hosts = Object.values(world.lab.members)
    const { result, lost } = await whileWriting(world, async () => {
      const caught = caughtOn(hosts, 'etcdctl')
      const started = await run('etcd-backup')
      const source = await caught
      await sh(source, 'systemctl kill -s KILL etcd; systemctl stop etcd; kill -CONT $(pidof etcdctl)')
      return { source, outputs: (await started.result()).outputs }
    })
    expect(lost).toEqual([])
    const { source, outputs } = result
    expect(world.lab.members[textOf(outputs['from'])]).not.toBe(source)
    for (const host of hosts)
      expect(await sh(host, 'find /var/lib/quorate/backups -type f 2>/dev/null | wc -l')).toBe('0\n')
    await world.lab.startEtcd(source)
    await untilSound(world, 3)
    const { outputs: drilled } = await (await run('etcd-backup-drill', { host: 'h5' })).result()
    expect(drilled['path']).toBe(outputs['path'])
  }, 240_000)

  test('the scratch host dies in the middle of a drill: the run ends, and nothing of the backup stays there', async () => {
    const caught = caughtOn(['h5'], 'etcd')
    const started = await run('etcd-backup-drill', { host: 'h5' })
    await caught
    expect(await sh('h5', 'find /var/lib/quorate/restore -name db')).not.toBe('')
    await world.lab.kill('h5')
    await world.lab.boot('h5')
    expect(await whyEnded(started)).toMatch(/h5.*(vanished|restarted)/s)
    expect(
      await sh('h5', 'find /var/lib/quorate/restore /var/lib/quorate/throwaway -type f 2>/dev/null || true'),
    ).toBe('')
    await untilSound(world, 3)
  }, 240_000)
})

/** Bounded; fails when there never was one, or another host was quicker. */
const catchScript = `
for i in $(seq 3000); do
  [ ! -e /run/caught ] || exit 1
  p=$(pidof PROGRAM) && kill -STOP $p && break
  sleep 0.01
done
[ -n "$p" ]`
