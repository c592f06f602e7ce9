import { bytesText } from '../../dsl/duration.ts'
import { faultsOf } from '../binary/known-versions.ts'
import { reclaimableBytes } from './fragmentation.ts'
import { quotaAdvice } from './quota-advice.ts'
import type { Advice } from './survey-advice.ts'
import type { Surveyed } from './survey-view.ts'

/** Full or holey databases, and quotas. */
export function adviceOnSpace({ cluster, etcd, databases, hosts }: Surveyed): readonly Advice[] {
  const full = etcd.alarms.filter((alarm) => alarm.startsWith('NOSPACE'))
  const worthwhile = databases.filter(({ worth }) => worth)
  const rooms = databases.map((database) => {
    const host = hosts.find(({ member }) => member === database.member)
    const freeBytes = host && host.freeBytes >= 0 ? { freeBytes: host.freeBytes } : {}
    return { ...database, host: host?.host ?? '', ...freeBytes }
  })
  return [
    ...(full.length > 0
      ? [
          {
            runbook: 'etcd-maintenance',
            text: `${cluster} takes no writes: its database is full (${full.join(', ')}). etcd-maintenance compacts, defragments each member and lowers the alarm.`,
          },
        ]
      : []),
    ...(full.length === 0 && worthwhile.length > 0
      ? [
          {
            runbook: 'etcd-maintenance',
            text: `Much of the databases is not in use (${worthwhile.map((each) => `${each.member}: ${bytesText(reclaimableBytes(each))} of ${bytesText(each.sizeBytes)}`).join(', ')}): etcd-maintenance gives it back.`,
          },
        ]
      : []),
    ...quotaAdvice(rooms).map((text) => ({
      runbook: text.includes('etcd-reconfigure') ? 'etcd-reconfigure' : '',
      text,
    })),
  ]
}

/** Versions that differ, have known faults, or are installed and do not run; and how many members there are. */
export function adviceOnVersions({ cluster, etcd, hosts }: Surveyed): readonly Advice[] {
  return [...mixed(), ...faulty(), ...installed(), ...seats()]

  function mixed(): readonly Advice[] {
    if (etcd.downgradeTo !== '')
      return [
        {
          runbook: 'etcd-downgrade',
          text: `A downgrade to ${etcd.downgradeTo} is under way: finish it with etcd-downgrade, or take it back there.`,
        },
      ]
    if (etcd.version === etcd.newestVersion) return []
    const versions = [...new Set(etcd.members.map(({ version }) => version))].filter(Boolean)
    const spelled = versions.map((version) => {
      const names = etcd.members.filter((member) => member.version === version).map(({ name }) => name)
      return `${version} on ${names.join(', ')}`
    })
    return [
      {
        runbook: 'etcd-rolling-upgrade',
        text: `Members run different versions (${spelled.join('; ')}): bring all to ${etcd.newestVersion} with etcd-rolling-upgrade.`,
      },
    ]
  }

  function faulty(): readonly Advice[] {
    const versions = [...new Set(etcd.members.map(({ version }) => version))].filter(Boolean)
    return versions.flatMap((version) =>
      faultsOf(version).map(({ why }) => ({
        runbook: 'etcd-rolling-upgrade',
        text: `etcd ${version} is known for this: ${why}. Take a later patch with etcd-rolling-upgrade.`,
      })),
    )
  }

  function installed(): readonly Advice[] {
    return hosts.flatMap(({ host, member, version }): Advice[] => {
      const runs = etcd.byName[member]?.version ?? ''
      if (version === '' || runs === '' || version === runs) return []
      return [
        {
          runbook: 'etcd-rolling-restart',
          text: `${member} runs ${runs}, and ${version} is installed on ${host}: its next start brings that. Have it happen in order, by etcd-rolling-restart, or put the former version back.`,
        },
      ]
    })
  }

  function seats(): readonly Advice[] {
    if (etcd.members.some(({ healthy }) => !healthy) || etcd.voters % 2 === 1) {
      if (etcd.voters !== 1) return []
      return [
        {
          runbook: 'etcd-expand',
          text: `${cluster} has one voter: when that fails, it is down. etcd-expand grows it to three.`,
        },
      ]
    }
    return [
      {
        runbook: 'etcd-expand',
        text: `${cluster} has ${etcd.voters} voters, which survive no more failures than ${etcd.voters - 1} would: grow it by one with etcd-expand${etcd.voters > 2 ? ', or shrink it by one with etcd-shrink' : ''}.`,
      },
    ]
  }
}
