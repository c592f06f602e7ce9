import type { Command } from '../../command.ts'
import { exportCommand } from './export.ts'
import { gc, holdCommand, releaseCommand } from './keep.ts'
import { list } from './list.ts'
import { report } from './report.ts'
import { show } from './show.ts'
import { verifyCommand } from './verify.ts'

/** What is done with the record of runs. */
export const auditCommands: readonly Command[] = [
  ...[list, show, report, verifyCommand, exportCommand],
  ...[holdCommand, releaseCommand, gc],
]
