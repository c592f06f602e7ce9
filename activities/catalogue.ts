import type { Action } from './action.ts'
import { firewallPorts } from './after/firewall.ts'
import { haproxyBackends } from './after/haproxy.ts'
import { hostsFile } from './after/hosts-file.ts'
import { kubeApiserver } from './after/kube-apiserver.ts'
import { prometheusTargets } from './after/prometheus.ts'
import { backupDrill } from './backup/drill.ts'
import { backupList } from './backup/list.ts'
import { backupPrune } from './backup/prune.ts'
import { binaryCheck } from './binary/check.ts'
import { downgradeCheck } from './binary/downgrade-check.ts'
import { logRenew } from './binary/log-renew.ts'
import { binaryStage } from './binary/stage.ts'
import { binaryRestore, binarySwitch } from './binary/switch.ts'
import { upgradeCheck } from './binary/upgrade-check.ts'
import { bootstrapCheck } from './bootstrap/check.ts'
import { bootstrapDns } from './bootstrap/dns.ts'
import { bootstrapPrepare } from './bootstrap/prepare.ts'
import { bootstrapNetwork } from './bootstrap/reach.ts'
import { bootstrapRegister } from './bootstrap/register.ts'
import { bootstrapStart } from './bootstrap/start.ts'
import { bootstrapStop } from './bootstrap/stop.ts'
import { bootstrapUnit, bootstrapUnitRemove } from './bootstrap/unit.ts'
import { activate, deactivate, restore, setAside } from './dir/actions.ts'
import { copy } from './dir/copy.ts'
import { same } from './dir/same.ts'
import { backup } from './etcd/backup.ts'
import { configRestore, configSet, configWrite } from './etcd/config.ts'
import { destinationCheck } from './etcd/destination.ts'
import { downgrade } from './etcd/downgrade.ts'
import { inspect } from './etcd/inspect.ts'
import { keysCount } from './etcd/keys-count.ts'
import { leaderMove } from './etcd/leader-move.ts'
import { memberAdd } from './etcd/member-add.ts'
import { memberDown } from './etcd/member-down.ts'
import { memberPlan } from './etcd/member-plan.ts'
import { memberPromote } from './etcd/member-promote.ts'
import { memberRemove, memberWithdraw } from './etcd/member-remove.ts'
import { memberUpdate } from './etcd/member-update.ts'
import { inventoryAdd, inventoryRemove, inventoryScheme } from './inventory/members.ts'
import { inventoryMove } from './inventory/move.ts'
import { compact } from './maintenance/compact.ts'
import { defragment } from './maintenance/defragment.ts'
import { alarmDisarm } from './maintenance/disarm.ts'
import { maintenancePlan } from './maintenance/plan.ts'
import { survey } from './maintenance/survey.ts'
import { recoverPlan } from './recover/plan.ts'
import { certificatesPut, certificatesRestore, certificatesStage } from './reconfigure/certificates.ts'
import { reconfigureCheck } from './reconfigure/check.ts'
import { tlsCheck } from './reconfigure/tls-check.ts'
import { settingsTry } from './reconfigure/try.ts'
import { probeWrite } from './recover/probe-write.ts'
import { quorumCheck } from './recover/quorum-check.ts'
import { restoreSnapshot } from './recover/restore.ts'
import { snapshotDiscard, snapshotDistribute } from './recover/snapshot-distribute.ts'
import { snapshotVerify } from './recover/snapshot-verify.ts'
import { recoverSurvey } from './recover/survey.ts'
import { survivorForce, survivorTry } from './recover/survivor.ts'
import {
  serviceDisable,
  serviceEnable,
  serviceStart,
  serviceStartTogether,
  serviceStatus,
  serviceStop,
} from './service/actions.ts'
import { serviceJoin } from './service/join.ts'

const all: readonly Action[] = [
  ...[
    inspect,
    destinationCheck,
    keysCount,
    backup,
    leaderMove,
    memberUpdate,
    configWrite,
    configSet,
    configRestore,
  ],
  ...[memberAdd, memberDown, memberPlan, memberPromote, memberRemove, memberWithdraw],
  ...[inventoryAdd, inventoryRemove, serviceJoin],
  ...[serviceStatus, serviceStop, serviceStart, serviceStartTogether, serviceDisable, serviceEnable],
  ...[backupList, backupPrune, backupDrill, snapshotVerify, snapshotDistribute, snapshotDiscard],
  ...[quorumCheck, recoverSurvey, recoverPlan, survivorTry, survivorForce, restoreSnapshot, probeWrite],
  ...[survey, maintenancePlan, compact, defragment, alarmDisarm],
  ...[copy, same, setAside, restore, activate, deactivate],
  ...[
    binaryStage,
    binarySwitch,
    binaryRestore,
    binaryCheck,
    upgradeCheck,
    downgradeCheck,
    downgrade,
    logRenew,
  ],
  ...[
    reconfigureCheck,
    settingsTry,
    tlsCheck,
    inventoryScheme,
    certificatesStage,
    certificatesPut,
    certificatesRestore,
  ],
  inventoryMove,
  ...[firewallPorts, hostsFile, haproxyBackends, kubeApiserver, prometheusTargets],
  ...[bootstrapCheck, bootstrapDns, bootstrapNetwork, bootstrapPrepare, bootstrapUnit, bootstrapUnitRemove],
  ...[bootstrapRegister, bootstrapStart, bootstrapStop],
]

/** Every action there is, by name: an explicit list, so that types, search and tools see it. */
export const catalogue: ReadonlyMap<string, Action> = new Map(all.map((action) => [action.name, action]))
