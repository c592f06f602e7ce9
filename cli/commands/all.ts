import type { Command } from '../command.ts'
import { actions } from './actions.ts'
import { auditCommands } from './audit/all.ts'
import { cancel, decisions } from './decisions.ts'
import { demo } from './demo.ts'
import { docs } from './docs.ts'
import { fleet } from './fleet.ts'
import { helpCommand } from './help.ts'
import { inventoryCheck } from './inventory-check.ts'
import { labHosts } from './lab-hosts.ts'
import { link } from './link.ts'
import { lint } from './lint.ts'
import { newCommand } from './new.ts'
import { plan } from './plan.ts'
import { run } from './run.ts'
import { runbooks } from './runbooks.ts'
import { runs } from './runs.ts'
import { schema } from './schema.ts'
import { schedule, schedules, unschedule } from './schedule.ts'
import { show, watch } from './show.ts'
import { down, up } from './up.ts'
import { test } from './test.ts'
import { worker } from './worker.ts'

/** Every command, in the order `help` lists them. */
export const commands: readonly Command[] = [
  ...[demo, up, down, worker],
  ...[newCommand, lint, test, runbooks, actions, plan, run, link, runs, show, watch],
  ...[fleet, schedule, schedules, unschedule],
  ...decisions,
  ...auditCommands,
  ...[cancel, inventoryCheck, ...labHosts, schema, docs, helpCommand(() => commands)],
]
