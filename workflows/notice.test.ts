import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createServer, type Server } from 'node:http'
import { notify, program, template, uses } from '../test/replay/build.ts'
import { type Script, ScriptedWorld } from '../test/replay/scripted-world.ts'
import { startTemporalWorld, statusOf, type TemporalWorld } from '../test/replay/temporal-world.ts'
import { interpret } from './interpreter.ts'

jest.setTimeout(60_000)

describe('over ports', () => {
  const play = async (to?: ReturnType<typeof template>, script: Script = {}) => {
    const world = new ScriptedWorld(script)
    const tell = notify('n', 'see ${{ inputs.what }} and ${{ steps.no.where }}', to ? { to } : {})
    const subject = program('n', [tell, uses('a', 'do')])
    const end = await interpret(subject, { inputs: { what: 'this', to: ['ops'] }, run: {} }, world)
    expect(end.kind).toBe('done')
    expect(world.called).toEqual(['a'])
    const shown = world.views.at(-1)?.steps[0]
    return { world, shown: `${shown?.status}: ${shown?.note}` }
  }

  test('what cannot be worked out is left open, and the rest is told', async () => {
    const { world, shown } = await play()
    expect(world.notices).toEqual([
      { step: 'n', summary: 'tell people: see this and …', text: 'see this and …' },
    ])
    expect(shown).toBe('done: told desk')
  })

  test('to whom is worked out too', async () => {
    const { world } = await play(template('${{ inputs.to }}'))
    expect(world.notices[0]?.to).toEqual(['ops'])
  })

  test('a run goes on whoever could not be told', async () => {
    const failed = [{ channel: 'b', reason: 'it answered 404' }]
    const { shown } = await play(undefined, { told: { told: ['a'], failed } })
    expect(shown).toBe('failed: told a; b was not told: it answered 404')
  })

  test('and where it is not known whom to tell', async () => {
    const { world, shown } = await play(template('${{ inputs.what }}'))
    expect(world.notices).toEqual([])
    expect(shown).toBe('failed: anybody was not told: "to" needs a list of channels, not this')
  })

  test('without a channel it is shown in the run', async () => {
    const { shown } = await play(undefined, { told: { told: [], failed: [] } })
    expect(shown).toBe('done: shown here only: no channel is configured')
  })
})

describe('in Temporal', () => {
  let world: TemporalWorld
  let server: Server
  const bodies: string[] = []
  beforeAll(async () => {
    server = createServer((message, response) => {
      message.on('data', (chunk: Buffer) => bodies.push(chunk.toString()))
      message.on('end', () => response.writeHead(message.url === '/gone' ? 410 : 200).end())
    })
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const at = server.address()
    const base = `http://127.0.0.1:${typeof at === 'object' ? at?.port : ''}`
    const channels = { ops: `${base}/ops`, gone: `${base}/gone` }
    world = await startTemporalWorld('timeSkipping', { remembers: false, channels })
  }, 120_000)
  afterAll(async () => {
    await world.close()
    server.closeAllConnections()
    server.close()
  })

  test('a notice reaches a real server, and one that does not is noted', async () => {
    world.offer(program('tell', [notify('n', 'look at ${{ inputs.what }}'), uses('a', 'do')]), { what: 'h1' })
    const handle = await world.start('tell')
    await handle.result()
    expect(bodies.map((body) => JSON.parse(body) as unknown)).toEqual([
      expect.objectContaining({ text: 'look at h1', run: handle.workflowId, runbook: 'tell', step: 'n' }),
      expect.objectContaining({ text: 'look at h1' }),
    ])
    const { view } = await statusOf(handle)
    expect(view.steps.map(({ status, note }) => `${status} ${note ?? ''}`)).toEqual([
      'failed told ops; gone was not told: it answered 410',
      'done ',
    ])
  })
})
