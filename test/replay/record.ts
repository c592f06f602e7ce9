import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { historyAsJson } from './history-json.ts'
import { historyFile, stories } from './histories.ts'
import { actionNames, startTemporalWorld, type TemporalWorld } from './temporal-world.ts'

/**
 * Records the histories that `replay.test.ts` replays, from real runs on a dev server:
 *
 *     npx jest --testMatch '**\/test/replay/record.ts'
 *
 * Do it for a release, under a new folder name where old histories must stay replayable; never to make a
 * failing replay test pass: that test failing means that runs under way would break.
 */

let world: TemporalWorld
beforeAll(async () => {
  world = await startTemporalWorld('devServer')
}, 120_000)
afterAll(() => world.close())

test.each(stories)('record $name', async ({ name, play }) => {
  for (const action of actionNames) world.on(action, () => ({}))
  const id = await play(world, name)
  const executions = [...(await executionsOf(id)), ...(await executionsOf(`quorate-lock/${name}`))]
  expect(executions.length).toBeGreaterThan(0)
  for (const [index, { workflowId, runId }] of executions.entries()) {
    const history = await world.env.client.workflow.getHandle(workflowId, runId).fetchHistory()
    const file = historyFile(index === 0 ? name : `${name}-${index + 1}`)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, `${JSON.stringify({ workflowId, history: historyAsJson(history) }, null, 1)}\n`)
  }
}, 60_000)

async function executionsOf(workflowId: string) {
  const found = []
  for await (const info of world.env.client.workflow.list({ query: `WorkflowId="${workflowId}"` })) found.push(info)
  return found.toSorted((a, b) => a.startTime.getTime() - b.startTime.getTime())
}
