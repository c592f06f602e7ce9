import { expect, test } from '@jest/globals'
import { ConfigurationError, readConfiguration } from './configuration.ts'

const home = { TEMPORAL_CONFIG_FILE: '/nonexistent.toml', QUORATE_HOME: '/home/q' }

test('says nothing, and everything has its default', () => {
  expect(readConfiguration(home, '/here')).toEqual({
    temporal: { address: 'localhost:7233', namespace: 'default' },
    taskQueue: 'quorate',
    inventory: '/here/inventory.yaml',
    runbooks: [],
    stateDirectory: '/home/q',
    audit: '/home/q/audit/record.db',
    auditKey: '/home/q/audit/seal.pem',
    anchors: '',
    heartbeatTimeoutMs: 10_000,
  })
})

test('what is said counts, relative to where it is said', () => {
  const environment = {
    ...home,
    TEMPORAL_ADDRESS: 'temporal:7233',
    TEMPORAL_NAMESPACE: 'ops',
    QUORATE_TASK_QUEUE: 'other',
    QUORATE_INVENTORY: 'my.yaml',
    QUORATE_RUNBOOKS: 'a:/b::',
    QUORATE_STATE: 'state',
    QUORATE_HEARTBEAT_TIMEOUT: '3s',
    QUORATE_NOTIFY: 'channels.yaml',
    QUORATE_TEMPORAL_UI: 'https://temporal.example.org',
  }
  expect(readConfiguration(environment, '/here')).toEqual({
    temporal: { address: 'temporal:7233', namespace: 'ops' },
    taskQueue: 'other',
    inventory: '/here/my.yaml',
    runbooks: ['/here/a', '/b'],
    stateDirectory: '/here/state',
    audit: '/here/state/audit/record.db',
    auditKey: '/here/state/audit/seal.pem',
    anchors: '',
    heartbeatTimeoutMs: 3000,
    notify: 'channels.yaml',
    uiUrl: 'https://temporal.example.org',
  })
})

test('an API key switches TLS on, as with every tool of Temporal', () => {
  expect(readConfiguration({ ...home, TEMPORAL_API_KEY: 'key' }).temporal).toMatchObject({
    apiKey: 'key',
    tls: expect.anything(),
  })
})

test.each([
  ['record.db', '/here/record.db'],
  ['/var/lib/record.db', '/var/lib/record.db'],
  ['postgres://quorate@db/record', 'postgres://quorate@db/record'],
  ['postgresql://db/record', 'postgresql://db/record'],
])('the record at %s', (QUORATE_AUDIT, audit) => {
  const said = { ...home, QUORATE_AUDIT, QUORATE_AUDIT_BREAK_GLASS: 'the disk burns' }
  expect(readConfiguration(said, '/here')).toMatchObject({ audit, breakGlass: 'the disk burns' })
})

test.each([
  ['/var/lib/record.db', undefined, '/var/lib/seal.pem'],
  ['postgres://db/record', undefined, '/home/q/audit/seal.pem'],
  ['postgres://db/record', 'keys/seal.pem', '/here/keys/seal.pem'],
])('the key that seals %s, said to be %s', (QUORATE_AUDIT, QUORATE_AUDIT_KEY, auditKey) => {
  expect(readConfiguration({ ...home, QUORATE_AUDIT, QUORATE_AUDIT_KEY }, '/here')).toMatchObject({
    auditKey,
  })
})

test('empty variables count as not set', () => {
  expect(readConfiguration({ ...home, QUORATE_TASK_QUEUE: '', QUORATE_HEARTBEAT_TIMEOUT: '' })).toMatchObject(
    {
      taskQueue: 'quorate',
      heartbeatTimeoutMs: 10_000,
    },
  )
})

test('all that is wrong is said at once', () => {
  const read = () => readConfiguration({ QUORATE_HOME: 'here', QUORATE_HEARTBEAT_TIMEOUT: 'soon' })
  expect(read).toThrow(ConfigurationError)
  expect(read).toThrow(
    'QUORATE_HOME is "here", but must be an absolute path.\nQUORATE_HEARTBEAT_TIMEOUT is "soon", but must',
  )
})

test.each(['1s', '0', '-3s', '10'])('a heartbeat timeout of %s is too short or none', (text) => {
  expect(() => readConfiguration({ ...home, QUORATE_HEARTBEAT_TIMEOUT: text })).toThrow('at least 2s')
})
