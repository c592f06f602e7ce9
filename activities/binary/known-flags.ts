import type { Setting } from './refused-settings.ts'

/**
 * What became of flags that later versions do not know. Most `--experimental-NAME` are plain `--NAME` since 3.6;
 * switches became feature gates.
 * Source: etcd's upgrade guide to 3.6, and `etcd --help` of 3.5.35, 3.6.16 and 3.7.3.
 */
export function replacements(flag: string, value: string): Setting | undefined {
  const gate = gates[flag]
  if (gate !== undefined) return { flag: 'feature-gates', value: `${gate}=${value}` }
  const name = renamed[flag]
  if (name !== undefined) return { flag: name, value }
  return flag.startsWith('experimental-') ? { flag: flag.slice('experimental-'.length), value } : undefined
}

const gates: Readonly<Record<string, string>> = {
  'experimental-compact-hash-check-enabled': 'CompactHashCheck',
  'experimental-enable-lease-checkpoint': 'LeaseCheckpoint',
  'experimental-enable-lease-checkpoint-persist': 'LeaseCheckpointPersist',
  'experimental-initial-corrupt-check': 'InitialCorruptCheck',
  'experimental-stop-grpc-service-on-defrag': 'StopGRPCServiceOnDefrag',
  'experimental-txn-mode-write-with-shared-buffer': 'TxnModeWriteWithSharedBuffer',
}

const renamed: Readonly<Record<string, string>> = {
  'log-output': 'log-outputs',
}
