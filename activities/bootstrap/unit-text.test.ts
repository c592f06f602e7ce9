import { expect, test } from '@jest/globals'
import type { EtcdLayout } from '../../dsl/inventory.ts'
import { settingsIn, withSettings } from '../etcd/config-file.ts'
import { unitText } from './unit-text.ts'

const layout = (over: Partial<EtcdLayout> = {}): EtcdLayout => ({
  ...{
    scheme: 'http',
    address: 'x',
    clientPort: 2379,
    peerPort: 2380,
    dataDir: '/var/lib/etcd',
    binDir: '/opt/etcd',
  },
  service: { manager: 'systemd', unit: 'etcd.service' },
  config: { format: 'environment', path: '/etc/etcd/etcd.env' },
  ...over,
})
const text = (over: Partial<EtcdLayout> = {}): string =>
  unitText({ cluster: 'demo', layout: layout(over), user: 'etcd' })

test('it starts etcd as its user with its configuration, and says what etcd may do', () => {
  const unit = text()
  for (const line of [
    'Type=notify',
    'User=etcd',
    'EnvironmentFile=/etc/etcd/etcd.env',
    'ExecStart=/opt/etcd/etcd',
  ])
    expect(unit).toContain(`\n${line}\n`)
  for (const line of ['Restart=on-failure', 'LimitNOFILE=65536', 'OOMScoreAdjust=-900', 'ProtectHome=yes'])
    expect(unit).toContain(`\n${line}\n`)
})

test("etcd's own YAML file is a flag", () => {
  const unit = text({ config: { format: 'yaml', path: '/etc/etcd.yaml' } })
  expect(unit).toContain('\nExecStart=/opt/etcd/etcd --config-file=/etc/etcd.yaml\n')
  expect(unit).not.toContain('EnvironmentFile')
})

test('where settings are flags of the unit, they can be added', () => {
  const unit = text({ config: { format: 'unit', path: '/etc/systemd/system/etcd.service' } })
  const changed = withSettings('unit', unit, { name: 'm1' })
  expect(settingsIn('unit', changed).get('name')).toBe('m1')
})

test('a member that lives where units may not look is not locked out', () => {
  const unit = text({ dataDir: '/home/etcd/data', binDir: '/tmp/etcd' })
  expect(unit).not.toMatch(/ProtectHome|PrivateTmp/)
})

test('ports below 1024 can be bound to', () => {
  expect(text({ clientPort: 379 })).toContain('AmbientCapabilities=CAP_NET_BIND_SERVICE')
})
