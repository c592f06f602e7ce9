import { expect, test } from '@jest/globals'
import { type MachineFacts, whyNoHostsLab } from './requirements.ts'

const bare: MachineFacts = { system: 'linux', isRoot: true, path: '/nowhere' }

test.each<[string, Partial<MachineFacts>, RegExp]>([
  ['not on macOS', { system: 'darwin' }, /needs Linux.*`quorate up`/],
  ['not without root', { isRoot: false }, /needs root.*sudo/],
  ['not without the packages, each named', {}, /needs ip, .*systemd-nspawn.*`quorate lab hosts install`/],
])('%s', (_what, facts, says) => {
  expect(whyNoHostsLab({ ...bare, ...facts })).toMatch(says)
})
