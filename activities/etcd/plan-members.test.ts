import { describe, expect, test } from '@jest/globals'
import { type Cluster, type EtcdLayout, noAfterSteps } from '../../dsl/inventory.ts'
import { quorumOf } from './assess.ts'
import type { Inspection, MemberView } from './inspection.ts'
import { type Asked, planMembers } from './plan-members.ts'

/** `v` a voter, `L` the leader, `d` a dead voter, `l` a learner; on hosts h1, h2, …; the spares are s1, s2, …. */
function seen(kinds: string): Inspection {
  const members = kinds.split('').map((kind, index) => view(index + 1, kind))
  const voters = members.filter(({ isLearner }) => !isLearner).length
  const alive = members.filter(({ healthy, isLearner }) => healthy && !isLearner).length
  return {
    ...{ clusterId: 'c', voters, quorum: quorumOf(voters), margin: alive - quorumOf(voters) },
    ...{ leader: 'etcd-1', healthy: true, agree: true, comparable: true, hash: '', hashedRevision: 1 },
    ...{
      revision: 1,
      version: '3.6.16',
      newestVersion: '3.6.16',
      clusterVersion: '3.6.0',
      storageVersion: '3.6.0',
    },
    ...{ downgradeTo: '', skew: 0, maxLag: 0, raftTerm: 2, dbSizeBytes: 1, dbSizeInUseBytes: 1, learners: 0 },
    ...{ alarms: [], problems: [], members },
    byName: Object.fromEntries(members.map((member) => [member.name, member])),
  }
}

function view(number: number, kind: string): MemberView {
  const [name, host] = [`etcd-${number}`, `h${number}`]
  const healthy = kind === 'v' || kind === 'L'
  return {
    ...{
      name,
      id: String(number),
      host,
      peerHost: host,
      reachable: healthy,
      healthy,
      why: healthy ? '' : `${name} is ${kind}`,
    },
    ...{
      isLeader: kind === 'L',
      isLearner: kind === 'l',
      version: '3.6.16',
      clusterVersion: '',
      storageVersion: '',
    },
    ...{ downgradeTo: '', peerUrls: [], clientUrls: [], raftIndex: 9, appliedIndex: 9, lag: 0, raftTerm: 2 },
    ...{ revision: 1, dbSizeBytes: 1, dbSizeInUseBytes: 1, quotaBytes: 0, hash: '' },
  }
}

function cluster(kinds: string): Cluster {
  const hosts = kinds.split('').map((_, index) => `h${index + 1}`)
  const spares = ['s1', 's2', 's3', 's4', 's5']
  const layout: Omit<EtcdLayout, 'address'> = {
    ...{ scheme: 'http', clientPort: 2379, peerPort: 2380, dataDir: '/data', binDir: '/bin' },
    service: { manager: 'systemd', unit: 'etcd.service' },
    config: { format: 'environment', path: '/etc/etcd.env' },
  }
  return {
    name: 'demo',
    members: Object.fromEntries(hosts.map((host, index) => [`etcd-${index + 1}`, host])),
    spares,
    etcd: Object.fromEntries([...hosts, ...spares].map((host) => [host, { ...layout, address: host }])),
    after: noAfterSteps,
  }
}

const plan = (kinds: string, asked: Partial<Asked> & Pick<Asked, 'change'>) =>
  planMembers(cluster(kinds), seen(kinds), {
    members: [],
    hosts: [],
    names: [],
    size: 0,
    even: false,
    ...asked,
  })

describe('expand', () => {
  test('one to three: both are named as the first, and the margin is said', () => {
    const { problems, steps, voters, margin, lowest } = plan('L', { change: 'expand', hosts: ['s1', 's2'] })
    expect(problems).toEqual([])
    expect(steps.map(({ text }) => text)).toEqual([
      'add etcd-2 on s1: 1 to 2 of 2 voters alive, quorum 2, no failure is tolerated.',
      'add etcd-3 on s2: 2 to 3 of 3 voters alive, quorum 2, one failure is tolerated.',
    ])
    expect({ voters, margin, lowest }).toEqual({ voters: 3, margin: 1, lowest: 0 })
  })

  test.each<[string, ReturnType<typeof plan>, RegExp]>([
    [
      'an even size',
      plan('Lvv', { change: 'expand', hosts: ['s1'] }),
      /4 voters tolerate no more failures than 3/,
    ],
    ['nothing', plan('Lvv', { change: 'expand' }), /nothing to do/],
    ['a host that is not there', plan('Lvv', { change: 'expand', hosts: ['s1', 'x'] }), /demo has no host x/],
    ['a host twice', plan('Lvv', { change: 'expand', hosts: ['s1', 's1'] }), /s1 is named twice/],
    [
      'a host with a member',
      plan('Lvv', { change: 'expand', hosts: ['s1', 'h2'] }),
      /h2 runs etcd-2 already/,
    ],
    [
      'a name that is taken',
      plan('Lvv', { change: 'expand', hosts: ['s1', 's2'], names: ['etcd-2', 'x'] }),
      /a member etcd-2 already/,
    ],
    [
      'a name twice',
      plan('Lvv', { change: 'expand', hosts: ['s1', 's2'], names: ['x', 'x'] }),
      /Two new members would be called x/,
    ],
    ['a dead member', plan('Lvd', { change: 'expand', hosts: ['s1', 's2'] }), /etcd-3 is d: mend that first/],
    ['a lost quorum', plan('Ldd', { change: 'expand', hosts: ['s1', 's2'] }), /disaster recovery/],
    [
      'more than seven',
      plan('Lvvvvvv', { change: 'expand', hosts: ['s1', 's2'] }),
      /9 voters are more than the seven/,
    ],
  ])('%s is refused', (_what, { problems }, message) => {
    expect(problems.join(' ')).toMatch(message)
  })

  test('an even size that is meant is let', () => {
    expect(plan('Lvv', { change: 'expand', hosts: ['s1'], even: true }).problems).toEqual([])
  })
})

describe('shrink', () => {
  test.each<[string, string, Partial<Asked>, readonly string[]]>([
    ['five to three: followers from the last name on', 'Lvvvv', { size: 3 }, ['etcd-4', 'etcd-5']],
    ['five to three: the dead one first', 'Ldvvv', { size: 3 }, ['etcd-2', 'etcd-5']],
    ['three to one: the leader stays', 'vvL', { size: 1 }, ['etcd-1', 'etcd-2']],
    ['by name: the leader last', 'Lvvvv', { members: ['etcd-1', 'etcd-3'] }, ['etcd-3', 'etcd-1']],
    ['learners go with the rest', 'Lvvvvl', { size: 3 }, ['etcd-6', 'etcd-4', 'etcd-5']],
    ['one by name, which leaves two', 'Lvv', { members: ['etcd-3'] }, ['etcd-3']],
  ])('%s', (_what, kinds, asked, order) => {
    const { problems, steps } = plan(kinds, { change: 'shrink', ...asked })
    expect(problems).toEqual([])
    expect(steps.map(({ member }) => member)).toEqual(order)
  })

  test.each<[string, ReturnType<typeof plan>, RegExp]>([
    ['two by size', plan('Lvv', { change: 'shrink', size: 2 }), /2 voters tolerate no more failures than 1/],
    [
      'nobody left',
      plan('Lvv', { change: 'shrink', members: ['etcd-1', 'etcd-2', 'etcd-3'] }),
      /Nothing would be left/,
    ],
    ['the size there is', plan('Lvv', { change: 'shrink', size: 3 }), /nothing to do/],
    [
      'a member that is not there',
      plan('Lvv', { change: 'shrink', members: ['etcd-9'] }),
      /no member etcd-9/,
    ],
    [
      'beside a dead one that stays',
      plan('Lvvvd', { change: 'shrink', members: ['etcd-3', 'etcd-4'] }),
      /etcd-5 is d/,
    ],
  ])('%s is refused', (_what, { problems }, message) => {
    expect(problems.join(' ')).toMatch(message)
  })
})

describe('replace', () => {
  test('the dead first, the leader last; those keep their names that go before the new one comes', () => {
    const { problems, steps, lowest, margin } = plan('Lvdvv', {
      change: 'replace',
      members: ['etcd-1', 'etcd-2', 'etcd-3', 'etcd-4'],
      hosts: ['s1', 's2', 's3', 'h4'],
    })
    expect(problems).toEqual([])
    expect(steps.map(({ text }) => text)).toEqual([
      'replace etcd-3 (dead) on h3 by etcd-3 on s3: 4 to 5 of 5 voters alive, quorum 3, 2 failures are tolerated.',
      'replace etcd-2 on h2 by s2 on s2: 5 of 5 voters alive, quorum 3, 2 failures are tolerated.',
      'replace etcd-4 on h4 by etcd-4 on h4: 5 of 5 voters alive, quorum 3, 2 failures are tolerated.',
      'replace etcd-1 (the leader) on h1 by s1 on s1: 5 of 5 voters alive, quorum 3, 2 failures are tolerated.',
    ])
    expect({ lowest, margin }).toEqual({ lowest: 1, margin: 2 })
  })

  test.each<[string, ReturnType<typeof plan>, RegExp]>([
    [
      'dead ones that are a quorum',
      plan('Ldd', { change: 'replace', members: ['etcd-2', 'etcd-3'], hosts: ['s1', 's2'] }),
      /disaster recovery/,
    ],
    [
      'a dead one that is not among them',
      plan('Lvvdd', { change: 'replace', members: ['etcd-4'], hosts: ['s1'] }),
      /etcd-5 is d: mend/,
    ],
    [
      'too few hosts',
      plan('Lvv', { change: 'replace', members: ['etcd-2', 'etcd-3'], hosts: ['s1'] }),
      /2 members and 1 hosts/,
    ],
    [
      'the host of another',
      plan('Lvv', { change: 'replace', members: ['etcd-2'], hosts: ['h3'] }),
      /h3 runs etcd-3 already/,
    ],
    [
      'a member twice',
      plan('Lvv', { change: 'replace', members: ['etcd-2', 'etcd-2'], hosts: ['s1', 's2'] }),
      /etcd-2 is named twice/,
    ],
  ])('%s is refused', (_what, { problems }, message) => {
    expect(problems.join(' ')).toMatch(message)
  })
})

describe('move', () => {
  test('the leader last, and what is left while one is down', () => {
    const { problems, steps, lowest } = plan('vLv', {
      change: 'move',
      members: ['etcd-1', 'etcd-2', 'etcd-3'],
      hosts: ['s1', 's2', 's3'],
    })
    expect(problems).toEqual([])
    expect(steps.map(({ member, host }) => `${member} ${host}`)).toEqual([
      'etcd-1 s1',
      'etcd-3 s3',
      'etcd-2 s2',
    ])
    expect(lowest).toBe(0)
  })

  test('with a dead member nobody is moved, not even that one', () => {
    const { problems } = plan('Lvd', { change: 'move', members: ['etcd-3'], hosts: ['s1'] })
    expect(problems.join(' ')).toMatch(/etcd-3 is d: mend that first/)
  })
})

test('a cluster whose members are not called alike names a new one after its host', () => {
  const given = cluster('Lvv')
  const renamed = { ...given, members: { first: 'h1', second: 'h2', third: 'h3' } }
  const asked: Asked = { change: 'expand', members: [], hosts: ['s1'], names: [], size: 0, even: true }
  expect(planMembers(renamed, seen(''), asked).steps[0]?.name).toBe('s1')
})
