import type { Command } from '../../command.ts'
import { collect } from './collect.ts'
import { exportCommand } from './export.ts'
import { gc, holdCommand, releaseCommand } from './keep.ts'
import { list } from './list.ts'
import { prepare } from './prepare.ts'
import { report } from './report.ts'
import { serve } from './serve.ts'
import { show } from './show.ts'
import { verifyCommand } from './verify.ts'

/** What is done with the record of runs. */
export const auditCommands: readonly Command[] = [
  ...[list, show, report, serve, verifyCommand, exportCommand],
  ...[collect, holdCommand, releaseCommand, gc, prepare],
]
