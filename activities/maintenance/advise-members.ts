import type { MemberView } from '../etcd/inspection.ts'
import type { Advice } from './survey-advice.ts'
import type { HostSeen, Surveyed } from './survey-view.ts'

/** Whether some member serves reads through the quorum, or is led. */
export function quorumLives({ etcd }: Surveyed): boolean {
  return etcd.leader !== '' || etcd.members.some(({ healthy }) => healthy)
}

/** Nothing else matters while there is no quorum. */
export function adviceOnQuorum(seen: Surveyed): readonly Advice[] {
  if (quorumLives(seen)) return []
  const { cluster, hosts, etcd } = seen
  const own = hosts.filter(({ member }) => member !== '')
  const named = (some: readonly HostSeen[]): string => some.map(({ host }) => host).join(', ')
  if (
    own.length > 0 &&
    !own.some(({ reachable }) => reachable) &&
    !etcd.members.some(({ reachable }) => reachable)
  )
    return [
      {
        runbook: 'etcd-recover',
        text: `Neither a member of ${cluster} nor one of their hosts answers. Look at the network and the SSH settings of the worker first. Only when the hosts are lost indeed, etcd-recover says what is left and what each way would lose.`,
      },
    ]
  const running = own.filter(({ service }) => service === 'running')
  const startable = own.filter(({ reachable, service }) => reachable && service !== 'running')
  const lost = `The quorum of ${cluster} is lost (${etcd.quorum} of ${etcd.voters} voters are needed): no member has a leader.`
  if (running.length >= etcd.quorum)
    return [
      {
        runbook: 'etcd-recover',
        text: `${lost} etcd runs on ${named(running)}, which would be enough: first see why they do not reach each other (the network below) or why they do not serve (their logs); nothing is lost yet. Only when that cannot be mended: etcd-recover.`,
      },
    ]
  if (running.length + startable.length >= etcd.quorum)
    return [
      {
        runbook: 'etcd-recover',
        text: `${lost} etcd does not run on ${named(startable)}, which can be reached: start it there; where its data is sound, nothing is lost. If it does not start, etcd-recover says what is left and what each way would lose, and asks.`,
      },
    ]
  return [
    {
      runbook: 'etcd-recover',
      text: `${lost} etcd-recover looks at all that is left, says what each way would lose, and asks before it does anything.`,
    },
  ]
}

/** Members that are down, behind, or hold other data. */
export function adviceOnMembers(seen: Surveyed): readonly Advice[] {
  const { etcd } = seen
  const corrupt = etcd.alarms.filter((alarm) => alarm.startsWith('CORRUPT'))
  const differs = etcd.comparable && !etcd.agree
  const dead = etcd.members.filter(isVoterDown).map((member) => adviceOnDead(seen, member))
  return [
    ...corrupt.map((alarm) =>
      alarm.includes(' on the member with ID ')
        ? {
            runbook: 'etcd-maintenance',
            text: `An alarm was left behind: ${alarm}, which is no member any more. etcd-maintenance lowers it once it has seen that all others hold the same data.`,
          }
        : {
            runbook: 'etcd-replace-member',
            text: `An alarm is raised: ${alarm}. Its data cannot be trusted: replace that member with etcd-replace-member, and do nothing else before.`,
          },
    ),
    ...(differs && corrupt.length === 0
      ? [
          {
            runbook: 'etcd-replace-member',
            text: `Members hold different data: ${etcd.problems.find((problem) => /hash|differ/.test(problem)) ?? 'their hashes differ.'} Take a backup (etcd-backup), then replace the member that differs from the others with etcd-replace-member.`,
          },
        ]
      : []),
    ...dead,
    ...(etcd.margin === 0 && dead.some(({ runbook }) => runbook !== '')
      ? [
          {
            runbook: '',
            text: `Until then no other member may fail: ${etcd.quorum} of ${etcd.voters} voters are needed, and no more are healthy.`,
          },
        ]
      : []),
    ...etcd.members.filter(isUnwell).map(({ why, name, host }) => ({
      runbook: '',
      text: `${ended(why)} Look at the log of ${name} on ${host}, and at the load and the disk of that host.`,
    })),
  ]
}

function isVoterDown({ reachable, id, isLearner, name }: MemberView): boolean {
  return !reachable && id !== '' && !isLearner && !isUnstarted(name)
}

/** It answers, and is not well for a reason that nothing else here is about. */
function isUnwell({ reachable, healthy, id, isLearner, why }: MemberView): boolean {
  return reachable && !healthy && id !== '' && !isLearner && !why.startsWith('An alarm is raised')
}

const isUnstarted = (name: string): boolean => name.startsWith('(not started')

function adviceOnDead(seen: Surveyed, { name, host: on }: MemberView): Advice {
  const { hosts, ways } = seen
  const host = hosts.find((each) => each.host === on)
  const spare = hosts.find(({ member, reachable }) => member === '' && reachable)
  const to = spare ? ` (to: ${spare.host})` : ''
  const replace = (text: string): Advice => ({ runbook: 'etcd-replace-member', text })
  if (!host) return replace(`${name} does not answer, and the inventory does not name its host.`)
  const reachers = ways.filter((way) => way.to === on && way.from !== on && way.state === 'open')
  const byWhom = `${reachers.map(({ from }) => from).join(', ')} ${reachers.length > 1 ? 'reach' : 'reaches'} its peer port`
  if (!host.reachable && reachers.length > 0)
    return {
      runbook: '',
      text: `Neither ${name} nor ${on} answers the worker, but ${byWhom}: the worker may be cut off from it, or the host hangs, which still takes connections. Look at the network between them and at the console of ${on} before anything is replaced.`,
    }
  if (!host.reachable)
    return replace(
      `${name} is down, and ${on} does not answer over SSH. Bring the host back; if it is gone for good, replace the member with etcd-replace-member${to}, once you are sure that it stays dead.`,
    )
  if (host.service === 'stopped')
    return replace(
      `${name} is down: etcd is stopped on ${on}${host.fenced ? ', and kept from being started (a run or a person fenced it)' : ''}. ${host.fenced ? 'Find out why before it is started' : 'Start it there'}; if it does not start, or its data is bad, replace the member with etcd-replace-member${to}.`,
    )
  if (host.service === 'restarting')
    return replace(
      `${name} is down: etcd dies on ${on} again and again. Read its log there; if its data is bad, replace the member with etcd-replace-member${to}.`,
    )
  if (host.service === 'running' && reachers.length > 0)
    return {
      runbook: '',
      text: `${name} does not answer the worker, but etcd runs on ${on}, and ${byWhom}: look at the network between the worker and ${on}, and at the certificates.`,
    }
  return replace(
    `${name} does not answer, though ${on} says that etcd ${host.service === 'running' ? 'runs' : 'is in a state it cannot tell'}: it may hang, or be cut off (see the network below). Read its log; if it cannot be brought back, replace the member with etcd-replace-member${to}.`,
  )
}

/** Where the membership is not what the inventory says, or unfinished. */
export function adviceOnMembership({ cluster, etcd, hosts }: Surveyed): readonly Advice[] {
  const known = new Set(hosts.map(({ member }) => member))
  return etcd.members.flatMap(({ name, id, host, peerHost, isLearner, reachable }): Advice[] => {
    if (isUnstarted(name))
      return [
        {
          runbook: 'etcd-remove-member',
          text: `A member was added and never started (${id}). Finish the run that added it (quorate runs), or take it out again with etcd-remove-member.`,
        },
      ]
    if (id === '' && reachable)
      return [
        {
          runbook: '',
          text: `On ${host} runs a member that ${cluster} does not have: data of another cluster, or of a removed member. Stop it there and set its data aside.`,
        },
      ]
    if (id === '')
      return [
        {
          runbook: 'etcd-add-member',
          text: `The inventory has ${name} on ${host}, and the membership does not. Take it out of the inventory, or add it with etcd-add-member.`,
        },
      ]
    if (isLearner)
      return [
        {
          runbook: 'etcd-remove-member',
          text: `${name} is a learner: it was added and not promoted. Finish the run that added it (quorate runs), or take it out again with etcd-remove-member.`,
        },
      ]
    if (!known.has(name))
      return [
        {
          runbook: 'etcd-remove-member',
          text: `${name} is a member of ${cluster}, and the inventory does not name it${peerHost === '' ? '' : ` (its peer URL is that of ${peerHost})`}. Note it under members in the inventory, or take it out with etcd-remove-member.`,
        },
      ]
    if (peerHost !== host)
      return [
        {
          runbook: peerHost === '' ? '' : 'etcd-migrate-node',
          text: `The inventory has ${name} on ${host}, and the membership ${peerHost === '' ? 'has a peer URL that is no host of the inventory' : `on ${peerHost}`}. If a run of etcd-migrate-node is open, finish it (quorate runs); else correct the inventory: see quorate inventory check.`,
        },
      ]
    return []
  })
}

function ended(sentence: string): string {
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`
}
