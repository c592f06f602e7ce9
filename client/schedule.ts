import { ScheduleAlreadyRunning, ScheduleNotFoundError, ScheduleOverlapPolicy } from '@temporalio/client'
import type { Json } from '../dsl/program.ts'
import type { RunMemo } from '../workflows/doors.ts'
import { type Door, requireWorker, taskQueue } from './door.ts'
import { Rejected } from './errors.ts'

/** When runs are started: at least one of the two. */
export interface ScheduleTimes {
  readonly everyMs?: number
  /** Five fields, in UTC: `0 3 * * *`. */
  readonly cron?: readonly string[]
}

export interface ScheduleRequest extends ScheduleTimes {
  /** Names the schedule, and begins the ids of its runs. */
  readonly name: string
  readonly runbook: string
  readonly inputs: Readonly<Record<string, Json>>
  readonly by: string
}

export interface ScheduleView extends ScheduleTimes {
  readonly name: string
  readonly runbook: string
  readonly paused: boolean
  readonly by?: string
  readonly nextMs?: number
  /** Id of the run it started last. */
  readonly lastRun?: string
}

/** A server that was down for longer than this starts one run for all that it missed, not one for each. */
const catchUpMs = 60 * 60_000

/**
 * Has Temporal start runs of a runbook at times. A run that is due while the one before is still open is left out; one
 * that finds its cluster locked by another run queues. Throws `Rejected` when there is one of that name already, or the
 * times are none.
 */
export async function createSchedule(door: Door, request: ScheduleRequest): Promise<void> {
  await requireWorker(door)
  const { name, runbook, inputs, by, everyMs, cron = [] } = request
  const memo: RunMemo = { by: `schedule ${name}, made by ${by}`, wait: true }
  const creating = () =>
    door.client.schedule.create({
      scheduleId: prefix + name,
      spec: {
        ...(everyMs !== undefined && { intervals: [{ every: everyMs }] }),
        ...(cron.length > 0 && { cronExpressions: [...cron] }),
      },
      action: {
        ...{ type: 'startWorkflow', workflowType: runbook, workflowId: name, taskQueue, args: [inputs] },
        memo: { ...memo },
      },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: catchUpMs },
      memo: {
        runbook,
        by,
        ...(everyMs !== undefined && { everyMs }),
        ...(cron.length > 0 && { cron: [...cron] }),
      },
    })
  try {
    await door.ask(creating)
  } catch (error) {
    // Temporal's client has this class for what the server finds wrong in a request.
    if (error instanceof TypeError) throw new Rejected(notTaken(cron, error))
    throw explained(error, name)
  }
}

/** All schedules of Quorate, by name. */
export async function listSchedules(door: Door): Promise<readonly ScheduleView[]> {
  return door.ask(async () => {
    const found: ScheduleView[] = []
    for await (const { scheduleId, memo = {}, state, info } of door.client.schedule.list()) {
      if (!scheduleId.startsWith(prefix)) continue
      const { runbook, by, everyMs, cron } = memo
      const last = info.recentActions.at(-1)?.action.workflow.workflowId
      const next = info.nextActionTimes[0]?.getTime()
      found.push({
        name: scheduleId.slice(prefix.length),
        runbook: typeof runbook === 'string' ? runbook : '',
        paused: state.paused,
        ...(typeof by === 'string' && { by }),
        ...(typeof everyMs === 'number' && { everyMs }),
        ...(Array.isArray(cron) && { cron: cron.map(String) }),
        ...(next !== undefined && { nextMs: next }),
        ...(last !== undefined && { lastRun: last }),
      })
    }
    return found.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  })
}

/** Runs that it has started go on. Throws `Rejected` when there is none of that name. */
export async function deleteSchedule(door: Door, name: string): Promise<void> {
  try {
    await door.ask(() => door.client.schedule.getHandle(prefix + name).delete())
  } catch (error) {
    throw explained(error, name)
  }
}

const prefix = 'quorate/'

function explained(error: unknown, name: string): unknown {
  if (error instanceof ScheduleAlreadyRunning)
    return new Rejected(
      `There is a schedule ${name} already: \`quorate schedules\` lists them, \`quorate unschedule ${name}\` removes it.`,
    )
  if (error instanceof ScheduleNotFoundError)
    return new Rejected(`There is no schedule ${name}: \`quorate schedules\` lists them.`)
  return error
}

function notTaken(cron: readonly string[], { message }: TypeError): string {
  const given = cron.length === 0 ? 'these times' : cron.map((fields) => `"${fields}"`).join(' and ')
  return `Temporal does not take ${given}: ${message.replace(/\.$/, '')}. Five fields are wanted, in UTC, such as "0 3 * * *" for three o'clock every night.`
}
