import type { RunIdentity } from '../../workflows/ports.ts'

/** Where a run lays the copy of a data directory until it gets its name: on the same file system, beside it. */
export function stagingPath(dataDir: string, run: Pick<RunIdentity, 'key'>): string {
  return `${dataDir}.quorate-${run.key}`
}

/** How the directories a run set aside begin; the time follows, in UTC. */
export function asidePrefix(dataDir: string, run: Pick<RunIdentity, 'key'>): string {
  return `${stagingPath(dataDir, run)}-`
}
