import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createEtcdClient } from '../etcd-client.ts'
import { packageRoot } from '../layout.ts'
import { runCommand } from '../run-command.ts'
import type { HostsLab } from './handle.ts'
import { startHostsLab } from './lab.ts'
import { labNames } from './names.ts'
import { announcedLabs, endLab, sweepDeadLabs } from './registry.ts'
import { whyNoHostsLab } from './requirements.ts'

jest.setTimeout(60_000)

const onHosts = process.env['CI'] === 'true' || whyNoHostsLab() === undefined ? describe : describe.skip

onHosts('a lab with every kind of host', () => {
  let directory = ''
  let lab: HostsLab
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'quorate-hosts-lab-'))
    const extras = ['haproxy', 'docker', 'supervise', 'script'] as const
    lab = await startHostsLab({ directory: join(directory, 'lab'), spares: 1, extras })
  }, 300_000)
  afterEach(() => lab?.heal())
  afterAll(async () => {
    await lab?.stop()
    rmSync(directory, { recursive: true, force: true })
  }, 60_000)

  const output = async (host: string, script: string): Promise<string> => {
    const { stdout, stderr, code } = await lab.run(host, ['sh', '-c', script])
    return code === 0 ? stdout.trim() : `${code}: ${stderr.trim()}`
  }

  const put = async (address: string, tls = lab.tls): Promise<string> => {
    const client = createEtcdClient(`${address}:2379`, tls)
    try {
      return (await client.put('key', 'value', 1500)).kind
    } finally {
      client.close()
    }
  }
  const putOn = (host: string): Promise<string> => put(lab.host(host).address)

  const ssh = (host: string, ...command: readonly string[]): Promise<string> => {
    const file = (name: string): string => join(lab.directory, 'ssh', name)
    const options = [
      ...[`UserKnownHostsFile=${file('known_hosts')}`, 'GlobalKnownHostsFile=/dev/null'],
      ...['StrictHostKeyChecking=yes', 'BatchMode=yes', 'ConnectTimeout=5'],
    ].flatMap((option) => ['-o', option])
    const target = `ops@${lab.host(host).address}`
    return runCommand('ssh', ['-F', 'none', '-i', file('id_ed25519'), ...options, target, ...command], {
      timeoutMs: 20_000,
    })
  }

  test('every host came up whole', async () => {
    for (const { name } of lab.hosts)
      expect([name, await output(name, 'systemctl is-system-running --wait')]).toEqual([name, 'running'])
  })

  test('one logs in with the key, and may become root', async () => {
    expect((await ssh('h4', 'sudo', '-n', 'id', '-un')).trim()).toBe('root')
    expect((await ssh('h4', 'hostname')).trim()).toBe('h4')
  })

  test('members take clients with a certificate of the authority, and no others', async () => {
    expect(await putOn('h1')).toBe('acknowledged')
    const { stdout } = await lab.run('h4', [
      'curl',
      '--insecure',
      '--silent',
      '--show-error',
      `https://h1:2379/health`,
    ])
    expect(stdout).toBe('')
    await expect(
      runCommand('curl', ['--silent', '--fail', `http://${lab.host('h1').address}:2379/health`], {
        timeoutMs: 9000,
      }),
    ).rejects.toThrow(/curl ended with/)
  })

  test('data lies on a disk of its own, and nothing gets out of the network', async () => {
    expect(await output('h1', 'stat -f -c %T /var/lib/etcd/member')).toBe('ext2/ext3')
    expect(await output('h1', 'ip route get 192.0.2.1')).toMatch(/unreachable/)
  })

  test('a host that is cut off has no quorum and shows no reason; the others go on', async () => {
    await lab.cutOff('h1')
    expect(await putOn('h1')).not.toBe('acknowledged')
    await eventually('h2 and h3 to go on', async () => (await putOn('h2')) === 'acknowledged')
    expect(await output('h1', 'nft list ruleset')).toBe('')
    await lab.heal('h1')
    await eventually('h1 to be back', async () => (await putOn('h1')) === 'acknowledged')
  })

  test('a cut may go one way, and to some hosts alone', async () => {
    const sees = (from: string, to: string) =>
      output(from, `ping -c 1 -W 1 ${to} >/dev/null && echo yes || echo no`)
    await lab.cutOff('h4', { from: ['h1'], direction: 'out' })
    expect([await sees('h4', 'h1'), await sees('h4', 'h2')]).toEqual(['no', 'yes'])
    // A datagram that needs no answer tells which way is cut.
    const listen = (on: string) => output(on, 'timeout 3 socat -u UDP-RECV:7777 STDOUT | head -c 4')
    const say = (from: string, to: string) =>
      output(from, `sleep 0.5; printf word | socat -u STDIN UDP-SENDTO:${to}:7777`)
    expect((await Promise.all([listen('h4'), say('h1', 'h4')]))[0]).toBe('word')
    expect((await Promise.all([listen('h1'), say('h4', 'h1')]))[0]).toBe('')
  })

  test('a cut may be of one port', async () => {
    await lab.cutOff('h2', { ports: [2380] })
    expect(await output('h1', 'timeout 2 bash -c "echo >/dev/tcp/h2/2379" && echo open')).toBe('open')
    expect(await output('h1', 'timeout 2 bash -c "echo >/dev/tcp/h2/2380" || echo lost')).toBe('lost')
  })

  test('a killed host is gone at once, and boots with its disk', async () => {
    await output('h3', 'echo kept >/var/lib/kept; sync')
    await lab.kill('h3')
    expect(lab.state('h3')).toBe('off')
    expect(await putOn('h3')).not.toBe('acknowledged')
    await lab.boot('h3')
    expect(await output('h3', 'cat /var/lib/kept')).toBe('kept')
    await eventually('its member to be back', async () => (await putOn('h3')) === 'acknowledged')
    expect(await output('h3', 'systemctl restart ssh.service && echo restarted')).toBe('restarted')
  })

  test('a frozen host takes connections and answers nothing', async () => {
    lab.freeze('h2')
    expect(lab.state('h2')).toBe('frozen')
    expect(await putOn('h2')).not.toBe('acknowledged')
    lab.thaw('h2')
    await eventually('it to answer', async () => (await putOn('h2')) === 'acknowledged')
  })

  test('a full disk takes nothing more, from nobody', async () => {
    await lab.fillDisk('h4')
    expect(await output('h4', 'head -c 8192 /dev/zero >/var/lib/etcd/more')).not.toBe('')
    await lab.freeDisk('h4')
    expect(await output('h4', 'rm -f /var/lib/etcd/more; head -c 8192 /dev/zero >/var/lib/etcd/more')).toBe(
      '',
    )
  })

  test.each(['db', 'wal'] as const)('etcd does not start from a corrupt %s', async (part) => {
    await lab.stopEtcd('h1')
    await output('h1', 'cp -a /var/lib/etcd /var/lib/etcd.good')
    await lab.corruptData('h1', part)
    await expect(lab.startEtcd('h1')).rejects.toThrow(/systemctl start etcd.service ended with 1/)
    await lab.stopEtcd('h1')
    await output(
      'h1',
      'rm -rf /var/lib/etcd && mv /var/lib/etcd.good /var/lib/etcd; systemctl reset-failed etcd',
    )
    await lab.startEtcd('h1')
    await eventually('it to be back', async () => (await putOn('h1')) === 'acknowledged')
  })

  test('etcd alone hangs, goes on, is killed and started again', async () => {
    await lab.signalEtcd('h2', 'STOP')
    expect(await putOn('h2')).not.toBe('acknowledged')
    await lab.signalEtcd('h2', 'CONT')
    await eventually('it to answer', async () => (await putOn('h2')) === 'acknowledged')
    const before = await output('h2', 'pidof etcd')
    await lab.signalEtcd('h2', 'KILL')
    await eventually('it to be back', async () => (await putOn('h2')) === 'acknowledged')
    expect(await output('h2', 'pidof etcd')).not.toBe(before)
  })

  test('a host whose key changed is not the one that is known', async () => {
    await lab.changeHostKey('h4')
    await expect(ssh('h4', 'true')).rejects.toThrow(/Host key verification failed/)
  })

  test('the load balancer hands connections through, certificates and all', async () => {
    expect(await putOn('lb')).toBe('acknowledged')
    await lab.stopEtcd('h1')
    await eventually('it to do without h1', async () => (await putOn('lb')) === 'acknowledged')
    await lab.startEtcd('h1')
  })

  test('etcd runs in Docker, and its directory can be set aside', async () => {
    await lab.writeFile('dk', '/etc/etcd/etcd.yaml', 'name: alone\ndata-dir: /var/lib/etcd\n')
    await lab.startEtcd('dk')
    const health = 'curl --silent http://127.0.0.1:2379/health'
    await eventually('it to serve', async () => /"true"/.test(await output('dk', health)))
    await lab.stopEtcd('dk')
    expect(await output('dk', `${health}; echo $?`)).toBe('7')
    expect(await output('dk', 'mv /var/lib/etcd /var/lib/etcd.aside && ls /var/lib/etcd.aside')).toBe(
      'member',
    )
  })

  test.each([
    ['daemontools', 'sv', '/etc/service/etcd/run', 'svstat /etc/service/etcd | grep -c ": up"'],
    ['scripts', 'sc', '/usr/local/sbin/etcd-start', 'etcd-status && echo 1'],
  ])('etcd runs under %s', async (_what, host, file, running) => {
    const before = await lab.readFile(host, file)
    await lab.writeFile(host, file, before.replace(/ {2}--data-dir/, '  --name=alone \\\n$&'))
    await lab.startEtcd(host)
    await eventually(
      'it to serve',
      async () =>
        /"true"/.test(await output(host, 'curl --silent http://127.0.0.1:2379/health')) ||
        (await output(host, 'ss -ltn')).includes(':2379'),
    )
    expect(await output(host, running)).toBe('1')
    expect(await output(host, 'stat -c %U /var/lib/etcd/member')).toBe('etcd')
    await lab.stopEtcd(host)
    await eventually('it to be gone', async () => (await output(host, 'pidof etcd || echo none')) === 'none')
  })
})

onHosts('labs come and go', () => {
  let directory = ''
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'quorate-hosts-lab-'))
  })
  afterAll(async () => {
    for (const lab of announcedLabs().filter((each) => each.directory.startsWith(directory)))
      await endLab(lab.number)
    rmSync(directory, { recursive: true, force: true })
  }, 60_000)

  const small = { members: 1, spares: 0 }

  test('two run at once; afterwards nothing of them is left on this machine', async () => {
    const [one, two] = await Promise.all(
      [true, false].map((tls) => startHostsLab({ ...small, tls, directory: join(directory, `tls-${tls}`) })),
    )
    if (one === undefined || two === undefined) throw new Error('impossible')
    expect(one.number).not.toBe(two.number)
    expect(await traces(one.number)).not.toEqual([])
    await Promise.all([one.stop(), two.stop()])
    expect([...(await traces(one.number)), ...(await traces(two.number))]).toEqual([])
    expect(existsSync(join(one.directory, 'hosts/h1/disk.img'))).toBe(false)
    await one.stop()
  }, 120_000)

  test('a bare lab has hosts, certificates and no cluster', async () => {
    const lab = await startHostsLab({
      ...small,
      directory: join(directory, 'bare'),
      start: false,
      tls: false,
    })
    try {
      expect(lab.members).toEqual({})
      expect(lab.spares).toEqual(['h1'])
      const { stdout } = await lab.run('h1', [
        'sh',
        '-c',
        'ls /etc/etcd; systemctl is-enabled etcd; ls /var/lib/etcd',
      ])
      expect(stdout.trim()).toBe('disabled')
    } finally {
      await lab.stop()
    }
  }, 120_000)

  test('a lab whose process is killed ends by itself, and the next one clears up after it', async () => {
    const place = join(directory, 'orphan')
    const script = `const { startHostsLab } = await import(${JSON.stringify(join(packageRoot(), 'dist/lab/hosts/lab.js'))})
const lab = await startHostsLab({ members: 1, spares: 0, directory: ${JSON.stringify(place)} })
console.log(lab.number)
setInterval(() => undefined, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const number = await new Promise<number>((resolve, reject) => {
      child.stdout.once('data', (chunk: Buffer) => resolve(Number(chunk.toString())))
      child.once('exit', (code) => reject(new Error(`It ended with ${code}.`)))
    })
    child.kill('SIGKILL')
    const group = join(
      '/sys/fs/cgroup',
      existsSync('/sys/fs/cgroup/unified') ? 'unified' : '',
      `quorate-${number}`,
    )
    await eventually(
      'its hosts to end',
      () => !/populated 1/.test(readFileSync(join(group, 'cgroup.events'), 'utf8')),
    )
    await sweepDeadLabs()
    expect(await traces(number)).toEqual([])
  }, 120_000)

  test('a directory with other things in it is left alone, and a network is given back', async () => {
    const place = join(directory, 'precious')
    mkdirSync(place)
    writeFileSync(join(place, 'thesis.txt'), 'all of it')
    const before = announcedLabs().length
    await expect(startHostsLab({ ...small, directory: place })).rejects.toThrow(
      /precious is not empty and holds no lab \(thesis.txt\): take another directory\./,
    )
    expect(readFileSync(join(place, 'thesis.txt'), 'utf8')).toBe('all of it')
    expect(announcedLabs().filter((lab) => lab.directory === place)).toEqual([])
    expect(announcedLabs().length).toBeLessThanOrEqual(before + 1)
  }, 60_000)

  test('an unknown version is refused before anything is made', async () => {
    await expect(
      startHostsLab({ ...small, directory: join(directory, 'old'), version: '3.3' }),
    ).rejects.toThrow('A hosts lab has no etcd 3.3: it has 3.4, 3.5, 3.6, 3.7.')
  })
})

/** What this machine has of a lab, whatever ended it. */
async function traces(number: number): Promise<string[]> {
  const { bridge, machinePrefix, group, network } = labNames(number)
  const said = await Promise.all([
    runCommand('ip', ['-brief', 'link'], { timeoutMs: 9000 }),
    runCommand('ip', ['route', 'show', 'table', 'all'], { timeoutMs: 9000 }),
    runCommand('nft', ['list', 'tables'], { timeoutMs: 9000 }),
    runCommand('find', ['/sys/fs/cgroup', '-maxdepth', '2', '-name', group], { timeoutMs: 9000 }),
    new Promise<string>((resolve) => {
      execFile('ps', ['-eo', 'args'], (_error, stdout) => resolve(stdout))
    }),
    Promise.resolve(readFileSync('/proc/self/mountinfo', 'utf8')),
  ])
  const marks = [bridge, machinePrefix, network]
  return said
    .flatMap((text) => text.split('\n'))
    .filter((line) =>
      marks.some((mark) => new RegExp(`${mark.replaceAll('.', String.raw`\.`)}(?!\\d)`).test(line)),
    )
}

async function eventually(
  what: string,
  holds: () => Promise<boolean> | boolean,
  timeoutMs = 20_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`Waited ${timeoutMs} ms for ${what}.`)
    await sleep(100)
  }
}
