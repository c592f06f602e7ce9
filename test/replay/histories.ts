import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { always, approve, assert, call, forEach, gate, group, manual, notify, parallel, program, rescuedBy, set, template, undoneBy, uses, wait } from './build.ts'
import { historyFromJson } from './history-json.ts'
import { failing, oneMember, type TemporalWorld, untilStatus, untilWaiting } from './temporal-world.ts'

/** The runs whose histories are kept, and how to come by them again. */
export interface Story {
  readonly name: string
  /** Plays it to its end; returns the run's id. */
  readonly play: (world: TemporalWorld, name: string) => Promise<string>
}

const cluster = template('${{ inputs.cluster }}')

export const stories: readonly Story[] = [
  {
    name: 'success',
    async play(world, name) {
      world.offer(
        program(
          name,
          [
            uses('a', 'look', { host: 'h1' }),
            assert('ok', 'steps.a.n == 1', 'n is ${{ steps.a.n }}'),
            set('s', { n: '${{ steps.a.n + 1 }}' }),
            group('g', [uses('b', 'do', { n: '${{ vars.n }}' })], { if: 'vars.n == 2' }),
            uses('never', 'do', {}, { if: 'vars.n == 3' }),
            gate('seen', 'look.more', 'gate.ok'),
          ],
          { cluster, outputs: { n: template('${{ vars.n }}') } },
        ),
        { cluster: name },
      )
      world.on('look', () => ({ n: 1 }))
      const handle = await world.start(name, { id: name, input: {}, memo: { by: 'ada' } })
      await handle.result()
      return handle.workflowId
    },
  },
  {
    name: 'overridden',
    async play(world, name) {
      world.offer(program(name, [uses('a', 'do'), uses('b', 'do.more')], { cluster }), { cluster: name })
      world.on('do', ({ overrides }) => {
        if (!overrides) throw failing('RefusedError', 'the others must all be well.', 'health')
        return {}
      })
      const memo = { by: 'bob', override: ['health'], reason: 'one burnt down', continueAfterEvents: 20 }
      const handle = await world.start(name, { id: name, memo })
      await untilWaiting(handle)
      await handle.executeUpdate('approve', { args: [{ by: 'ada', comment: 'I saw it' }] })
      await handle.result()
      return handle.workflowId
    },
  },
  {
    name: 'pause-and-retry',
    async play(world, name) {
      world.offer(program(name, [uses('a', 'do', {}, { retry: { attempts: 2, intervalMs: 10, backoff: 1 } }), uses('b', 'do.more')], { cluster }), { cluster: name })
      let tries = 0
      world.on('do', () => {
        if (++tries < 4) throw failing(tries === 1 ? 'UnknownOutcomeError' : 'ActionError', `no ${tries}`)
        return {}
      })
      const handle = await world.start(name, { id: name })
      await untilWaiting(handle)
      await handle.executeUpdate('skip').catch(() => undefined)
      await handle.executeUpdate('pause')
      await handle.executeUpdate('retry')
      await untilStatus(handle, 'the run to stop', ({ view }) => view.phase === 'paused')
      await handle.executeUpdate('resume')
      await handle.result()
      return handle.workflowId
    },
  },
  {
    name: 'rollback',
    async play(world, name) {
      world.offer(
        program(
          name,
          [
            undoneBy(uses('a', 'do.more'), uses('ua', 'undo', {}, { skippable: true })),
            undoneBy(uses('b', 'do.more'), uses('same', 'look'), assert('ok', 'steps.same.same', 'they differ'), uses('ub', 'undo.more')),
            uses('c', 'do'),
          ],
          { cluster },
        ),
        { cluster: name },
      )
      let looks = 0
      world.on('look', () => ({ same: ++looks > 1 }))
      for (const action of ['do', 'undo']) {
        world.on(action, () => {
          throw failing('ActionError', 'no')
        })
      }
      const handle = await world.start(name, { id: name })
      await untilWaiting(handle)
      await handle.executeUpdate('rollback')
      await untilStatus(handle, 'the rollback to be withdrawn', ({ view }) => view.waiting?.note !== undefined)
      await handle.executeUpdate('rollback')
      await untilStatus(handle, 'the undo step to wait', ({ view }) => view.waiting?.rollingBack === true)
      await handle.executeUpdate('skip')
      await handle.result().catch(() => undefined)
      return handle.workflowId
    },
  },
  {
    name: 'for-each',
    async play(world, name) {
      world.offer(
        program(name, [forEach('e', 'inputs.members', [uses('x', 'look', { host: '${{ item.name }}' }), uses('y', 'do', { on: '${{ steps.x.on }}' })])]),
        { members: [{ name: 'm1' }, { name: 'm2' }] },
      )
      world.on('look', ({ with: { host } }) => ({ on: host ?? '' }))
      const handle = await world.start(name, { id: name })
      await handle.result()
      return handle.workflowId
    },
  },
  {
    name: 'continue-as-new',
    async play(world, name) {
      world.offer(
        program(name, [undoneBy(uses('a', 'do.more'), uses('ua', 'undo')), undoneBy(uses('b', 'do.more'), uses('ub', 'undo')), uses('c', 'do', {}, { onFailure: 'rollback' })], { cluster }),
        { cluster: name },
      )
      world.on('do', () => {
        throw failing('ActionError', 'no')
      })
      const handle = await world.start(name, { id: name, memo: { continueAfterEvents: 1 } })
      await handle.result().catch(() => undefined)
      return handle.workflowId
    },
  },
  {
    name: 'call-and-approve',
    async play(world, name) {
      const inner = [
        uses('a', 'do.more', { host: '${{ inputs.host }}' }),
        approve('ok', 'Go on with ${{ inputs.host }}?'),
        undoneBy(uses('b', 'do.more', { by: '${{ steps.ok.by }}' }), uses('ub', 'undo')),
      ]
      world.offer(
        program(name, [forEach('e', 'inputs.hosts', [call('c', { host: '${{ item }}' }, inner, { outputs: { by: '${{ steps.ok.by }}' } })]), uses('last', 'do')], { cluster }),
        { cluster: name, hosts: ['h1', 'h2'] },
      )
      world.on('do', () => {
        throw failing('ActionError', 'no')
      })
      const first = await world.start(name, { id: name, memo: { continueAfterEvents: 20 } })
      const handle = world.env.client.workflow.getHandle(first.workflowId)
      const asked = (step: string) => untilStatus(handle, `${step} to ask`, ({ view }) => view.waiting?.approval !== undefined && view.waiting.failure.step === step)
      await asked('e[h1]/c/ok')
      await handle.executeUpdate('approve', { args: [{ by: 'ada', comment: 'first' }] })
      await asked('e[h2]/c/ok')
      await handle.executeUpdate('reject', { args: [{ by: 'bob', comment: 'not yet' }] })
      await untilStatus(handle, 'the rejection to wait', ({ view }) => view.waiting?.offers.includes('retry') === true)
      await handle.executeUpdate('retry')
      await asked('e[h2]/c/ok')
      await handle.executeUpdate('approve', { args: [{ by: 'ada' }] })
      await untilStatus(handle, 'the last step to wait', ({ view }) => view.waiting?.failure.step === 'last')
      await handle.executeUpdate('rollback')
      await handle.result().catch(() => undefined)
      return handle.workflowId
    },
  },
  {
    name: 'rescue-and-always',
    async play(world, name) {
      const inner = [undoneBy(uses('a', 'do.more'), uses('ua', 'undo')), uses('b', 'do')]
      world.offer(
        program(
          name,
          [
            always(rescuedBy(group('g', inner), uses('r', 'look'), undoneBy(uses('s', 'do.more'), uses('us', 'undo'))), notify('n', 'it is ${{ outcome }}'), uses('z', 'do')),
            always(uses('last', 'do'), uses('y', 'look'), uses('x', 'undo.more')),
          ],
          { cluster },
        ),
        { cluster: name },
      )
      world.on('do', () => {
        throw failing('ActionError', 'no')
      })
      const first = await world.start(name, { id: name, memo: { continueAfterEvents: 20 } })
      const handle = world.env.client.workflow.getHandle(first.workflowId)
      await untilStatus(handle, 'the last step to wait', ({ view }) => view.waiting?.failure.step === 'last')
      await handle.executeUpdate('rollback')
      await handle.result().catch(() => undefined)
      return handle.workflowId
    },
  },
  {
    name: 'wait-and-notify',
    async play(world, name) {
      world.offer(program(name, [uses('a', 'do'), wait('w', '${{ inputs.soak }}'), notify('n', 'waited'), uses('b', 'do')], { cluster }), { cluster: name, soak: 300 })
      const handle = await world.start(name, { id: name })
      await handle.result()
      return handle.workflowId
    },
  },
  {
    name: 'measured',
    async play(world, name) {
      world.offer(program(name, [uses('a', 'do.more'), uses('b', 'look'), uses('c', 'do.more')], { cluster }), { cluster: name })
      world.on('look', () => ({ n: 1 }))
      const handle = await world.start(name, { id: name, memo: { probe: true, continueAfterEvents: 1 } })
      await handle.result()
      return handle.workflowId
    },
  },
  {
    name: 'plan',
    async play(world, name) {
      const steps = [uses('a', 'look'), undoneBy(uses('b', 'do.more', { n: '${{ steps.a.n }}' }), uses('u', 'undo')), gate('seen', 'look.more', 'gate.ok'), approve('ok', 'Go on?')]
      world.offer(program(name, steps, { cluster }), { cluster: name })
      world.on('look', () => ({ n: 1 }))
      world.on('look.more', () => ({ ok: true }))
      const handle = await world.start('quoratePlan', { id: name, input: { runbook: name, inputs: { cluster: name } }, memo: { by: 'ada' } })
      await handle.result()
      return handle.workflowId
    },
  },
  {
    name: 'as-planned',
    async play(world, name) {
      world.offer(program(name, [uses('a', 'do'), uses('b', 'do.more')], { cluster }), { cluster: name })
      const { fingerprint } = oneMember
      let looks = 0
      // The first look finds something else, the second does not.
      world.onCluster(() => (looks++ === 0 ? { ...oneMember, fingerprint: { ...fingerprint, alarms: ['NOSPACE on m1'] } } : oneMember))
      const handle = await world.start(name, { id: name, memo: { by: 'ada', plan: { sha256: 'of the plan', fingerprint } } })
      await handle.result()
      return handle.workflowId
    },
  },
  {
    name: 'expired-and-approved-by-two',
    async play(world, name) {
      const terms = { expiresMs: { kind: 'literal', value: 4000 }, people: 2 } as const
      world.offer(program(name, [uses('a', 'do'), approve('ok', 'Go on?', {}, terms), uses('b', 'do.more')], { cluster }), { cluster: name })
      const handle = await world.start(name, { id: name, memo: { by: 'eve' } })
      await untilStatus(handle, 'the expiry', ({ view }) => view.waiting?.offers.includes('retry') === true)
      await handle.executeUpdate('approve', { args: [{ by: 'ada', comment: 'too late' }] }).catch(() => undefined)
      await handle.executeUpdate('retry', { args: [{ by: 'ada' }] })
      await untilStatus(handle, 'the second asking', ({ view }) => view.waiting?.approval !== undefined)
      const answers = ['ada', 'ada', 'grace'].map((by) => handle.executeUpdate('approve', { args: [{ by }] }))
      await Promise.allSettled(answers)
      await handle.result()
      return handle.workflowId
    },
  },
  {
    name: 'at-the-same-time',
    async play(world, name) {
      const branch = (id: string) =>
        group(id, [undoneBy(uses(`${id}1`, 'do', { host: id }), uses(`${id}u`, 'undo')), uses(`${id}2`, 'look')])
      world.offer(
        program(
          name,
          [
            parallel('p', [branch('a'), branch('b'), wait('w', 20)]),
            forEach('each', 'inputs.hosts', [uses('c', 'do.more', { host: '${{ item }}' }), uses('d', 'look')], { maxParallel: 2 }),
            uses('e', 'cross'),
          ],
          { cluster },
        ),
        { cluster: name, hosts: ['h1', 'h2', 'h3'] },
      )
      const failures = new Set(['p/a/a1', 'p/b/b1', 'e'])
      for (const action of ['do', 'cross'])
        world.on(action, ({ step }) => {
          if (failures.delete(step)) throw failing('UnknownOutcomeError', `no ${step}`)
          return {}
        })
      const handle = await world.start(name, { id: name, memo: { continueAfterEvents: 30 } })
      for (let asked = 1; asked <= 2; asked++) {
        await untilStatus(handle, 'a failure', ({ view }) => view.waiting?.ask === asked)
        await handle.executeUpdate('retry', { args: [{ by: 'ada' }] })
      }
      await untilStatus(handle, 'the last failure', ({ view }) => view.waiting?.ask === 3)
      await handle.executeUpdate('rollback', { args: [{ by: 'ada' }] })
      await handle.result().catch(() => undefined)
      return handle.workflowId
    },
  },
  {
    name: 'by-hand',
    async play(world, name) {
      const swap = manual('swap', 'Swap the disk of ${{ inputs.host }}.', {}, { confirm: template('${{ inputs.host }}') })
      world.offer(
        program(name, [undoneBy(swap, manual('back', 'Put it back.')), uses('a', 'do.more'), uses('b', 'do', {}, { onFailure: 'rollback' })], { cluster }),
        { cluster: name, host: 'h1' },
      )
      world.on('do', () => {
        throw failing('ActionError', 'no')
      })
      const handle = await world.start(name, { id: name })
      await untilWaiting(handle)
      await handle.executeUpdate('confirm', { args: [{ by: 'ada' }] }).catch(() => undefined)
      await handle.executeUpdate('reject', { args: [{ by: 'ada', comment: 'no spare' }] })
      await untilStatus(handle, 'the rejection to wait', ({ view }) => view.waiting?.offers.includes('retry') === true)
      await handle.executeUpdate('retry')
      await untilStatus(handle, 'the second asking', ({ view }) => view.waiting?.approval !== undefined)
      await handle.executeUpdate('confirm', { args: [{ by: 'ada', typed: 'h1' }] })
      await untilStatus(handle, 'the way back', ({ view }) => view.waiting?.rollingBack === true)
      await handle.executeUpdate('confirm', { args: [{ by: 'grace' }] })
      await handle.result().catch(() => undefined)
      return handle.workflowId
    },
  },
  {
    name: 'queued-and-cancelled',
    async play(world, name) {
      world.offer(program(name, [uses('a', 'do'), uses('b', 'do')], { cluster }), { cluster: name })
      const door = { open: false }
      world.on('do', async (_request, context) => {
        for (; !door.open; context.heartbeat()) await context.sleep(20)
        return {}
      })
      const first = await world.start(name, { id: `${name}-first` })
      await untilStatus(first, 'the first to run', ({ view }) => view.steps[0]?.status === 'running')
      const second = await world.start(name, { id: name, memo: { wait: true } })
      await untilStatus(second, 'the second to queue', ({ view }) => view.phase === 'queued')
      await first.cancel()
      door.open = true
      await first.result().catch(() => undefined)
      door.open = false
      await untilStatus(second, 'the second to run', ({ view }) => view.steps[0]?.status === 'running')
      await second.cancel()
      door.open = true
      await second.result().catch(() => undefined)
      return second.workflowId
    },
  },
]

const directory = join(__dirname, 'histories')

export const historyFile = (name: string): string => join(directory, `${name}.json`)

export interface Recorded {
  readonly file: string
  readonly workflowId: string
  readonly history: unknown
}

/** Every history that is kept, of this version and all before. */
export function recordedHistories(): readonly Recorded[] {
  const files = readdirSync(directory).filter((name) => name.endsWith('.json'))
  return files.toSorted().map((file) => {
    const { workflowId, history }: { workflowId: string; history: unknown } = JSON.parse(readFileSync(join(directory, file), 'utf8'))
    return { file, workflowId, history: historyFromJson(history) }
  })
}
