import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { WorkflowHandle } from '@temporalio/client'
import { catalogue } from '../activities/catalogue.ts'
import { compileRunbook } from '../dsl/compile.ts'
import type { AuditEvent } from '../audit/event.ts'
import type { Step } from '../dsl/program.ts'
import { ofName, recordedEvents, recordOf } from './recorded-events.ts'
import { jobsOf, leaderNow, startWorld, until, whileWriting, whoIsWhere, type World } from './world.ts'

/** Every step of the runbook that is an activity, in order; a leader is moved, so that none is left out. */
const steps = ['(loading)', ...activitySteps()]

/** Six far from each other a run: each step gets its kill, and no run dies of one alone. */
const runs = Math.ceil(steps.length / 6)
const kills = steps
  .slice(0, runs)
  .map((_, first) => steps.filter((_step, at) => at % runs === first))
  .map((each) => [each.join(', '), each] as const)

describe('kill -9 of the worker', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld()
  }, 120_000)
  afterAll(() => world?.close(), 60_000)

  test.each(kills)(
    'at %s: the run completes, and every command took effect once',
    async (_names, each) => {
      const member = await leaderNow(world)
      const { free } = whoIsWhere(world)
      const { result, lost } = await whileWriting(world, async () => {
        const run = await world.start({ cluster: 'demo', member, to: free.name, stable: '500ms' })
        for (const step of each) {
          await until(`the step ${step} to be scheduled`, async () =>
            (await scheduled(run.handle)).includes(step),
          )
          await world.worker.kill()
          await world.worker.start()
        }
        return {
          result: await run.result(),
          events: await recordedEvents(recordOf(world), run.id),
          key: (await run.status()).run.key,
          schedule: await scheduled(run.handle),
        }
      })

      expect(result.result.outputs).toMatchObject({ member, to: free.name, agree: true })
      expect(lost).toEqual([])
      expect(new Set(result.schedule).size).toBe(result.schedule.length)
      const jobs = jobsOf(world, result.key)
      expect(jobs.length).toBeGreaterThan(8)
      expect(jobs.filter(({ starts, codes }) => starts !== 1 || codes.join() !== '0')).toEqual([])
      const sent = new Set(ofName(result.events, 'command.begun').map(({ data }) => data.key))
      expect(jobs.filter(({ job }) => !sent.has(job))).toEqual([])
      expect(withoutEnd(result.events)).toEqual([])
    },
    240_000,
  )
})

/** What was begun and has no end, and no later attempt that went on with it. */
function withoutEnd(events: readonly AuditEvent[]): readonly string[] {
  const stem = (id: string): string => id.slice(0, id.lastIndexOf('/'))
  return events
    .filter(({ name, id, seq, step, attempt = 1 }) => {
      if (!name.endsWith('.begun')) return false
      const later = events.filter((event) => event.seq > seq)
      const ended = later.some((event) => stem(event.id) === stem(id))
      return !ended && !later.some((event) => event.step === step && (event.attempt ?? 1) > attempt)
    })
    .map(({ id }) => id)
}

function activitySteps(): string[] {
  const directory = resolve(__dirname, '../runbooks')
  const files = readdirSync(directory).filter((name) => name.endsWith('.yaml'))
  const textOf = (file: string) => readFileSync(join(directory, file), 'utf8')
  const library = new Map(files.map((file) => [file.replace('.yaml', ''), { file, text: textOf(file) }]))
  const file = 'etcd-migrate-node.yaml'
  const compiled = compileRunbook({ file, text: textOf(file), catalogue, library })
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems))
  const leaves = (step: Step): string[] => {
    // A called runbook has tests of its own; one kill within shows that the run goes on there.
    if (step.kind === 'call') return step.steps.flatMap(leaves).slice(0, 1)
    if (step.kind === 'steps' || step.kind === 'forEach') return step.steps.flatMap(leaves)
    return step.kind === 'uses' || step.kind === 'gate' ? [step.key] : []
  }
  return compiled.value.steps.flatMap(leaves)
}

/** The steps that activities were scheduled for, in order. */
async function scheduled(handle: WorkflowHandle): Promise<string[]> {
  const { events } = await handle.fetchHistory()
  return (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: attributes }) => {
    if (!attributes) return []
    const [payload] = attributes.input?.payloads ?? []
    const request = JSON.parse(Buffer.from(payload?.data ?? []).toString() || '{}') as { step?: string }
    return [attributes.activityType?.name === 'quorate.load' ? '(loading)' : (request.step ?? '?')]
  })
}
