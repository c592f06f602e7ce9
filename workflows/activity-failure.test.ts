import { expect, test } from '@jest/globals'
import {
  ActivityFailure,
  ApplicationFailure,
  RetryState,
  TimeoutFailure,
  TimeoutType,
} from '@temporalio/common'
import { stepFailure } from './activity-failure.ts'

const of = (cause: Error | undefined): ActivityFailure =>
  new ActivityFailure('failed', 'do', '1', RetryState.MAXIMUM_ATTEMPTS_REACHED, undefined, cause)
const application = (type: string, details: unknown[] = []): Error =>
  ApplicationFailure.create({ message: 'the reason', type, details })
const timeout = new TimeoutFailure('silence', undefined, TimeoutType.HEARTBEAT)

test.each([
  [
    'what it says itself',
    application('ActionError', [{ kind: 'unknown' }]),
    'unknown',
    'unknown',
    'the reason',
  ],
  ['an input error', application('InputError'), 'refused', 'refused', 'the reason'],
  ['a refusal', application('RefusedError'), 'refused', 'refused', 'the reason'],
  ['an action that failed', application('ActionError'), 'failed', 'failed', 'the reason'],
  ['an open outcome', application('UnknownOutcomeError'), 'unknown', 'unknown', 'the reason'],
  ['an error nobody foresaw', application('TypeError'), 'unknown', 'failed', 'the reason'],
  ['a worker that fell silent', timeout, 'unknown', 'failed', 'no worker said how it ended'],
  ['no cause at all', undefined, 'unknown', 'failed', 'without a reason'],
])('%s', (_what, cause, effect, read, message) => {
  expect(stepFailure(of(cause), false).kind).toBe(effect)
  expect(stepFailure(of(cause), true).kind).toBe(read)
  expect(stepFailure(of(cause), true).message).toContain(message)
})
