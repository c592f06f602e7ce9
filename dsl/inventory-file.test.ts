import { expect, test } from '@jest/globals'
import { readInventory } from './inventory-file.ts'
import { printProblems } from './print.ts'

const text = `
inventory: 1
defaults:
  ssh: { user: ops, identity: keys/id, knownHosts: ~/.kh }
  etcd:
    service: { manager: script, start: [a], stop: [b], status: [c], enable: [d], disable: [e] }
hosts:
  h1: { address: 10.0.0.1 }
  h2: { address: 10.0.0.2, etcd: { clientPort: 1 } }
  h3: { address: 10.0.0.3, ssh: { via: h1 } }
clusters:
  demo:
    members: { m1: h1, m2: h2 }
    spares: [h3]
`
test('x', () => {
  const places = { baseDirectory: '/etc/q', home: '/root' }
  const r = readInventory({ file: 'i.yaml', text, ...places })
  console.log(JSON.stringify(r, null, 1))
  const bad = text.replace('m2: h2', 'm2: h1').replace('[h3]', '[h4, h1]').replace('via: h1', 'via: h3')
  const b = readInventory({ file: 'i.yaml', text: bad, ...places })
  if (!b.ok) console.log(printProblems(b.problems, new Map([['i.yaml', bad]])))
  expect(r.ok).toBe(true)
})
