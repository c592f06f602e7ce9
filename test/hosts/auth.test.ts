import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { authorityIn } from '../../lab/hosts/pki.ts'
import { soundCluster } from '../membership.ts'
import { type Inputs, leaderNow, whileWriting, whoIsWhere } from '../world.ts'
import { failureOf } from './decisions.ts'
import { describeOnHosts, hostsFootprint, type HostsWorld, startHostsWorld } from './world.ts'

/**
 * A cluster that asks everybody who they are. Quorate logs in as `root` by its password, and the certificate that it
 * shows names no user; the client that writes all the time is the user that its certificate names.
 */

let world: HostsWorld
/** The same cluster asked as the user `app`, who may read and write keys and nothing else. */
let app: HostsWorld
/** And as `root`, for what is looked at afterwards. */
let root: HostsWorld

const run = (runbook: string, inputs: Inputs = {}) => world.start(runbook, { cluster: 'demo', ...inputs })

/** Runs it with the client writing, and looks that nothing written is lost. */
async function succeed(runbook: string, inputs: Inputs = {}) {
  const { result, lost, acknowledged } = await whileWriting(app, async () =>
    (await run(runbook, inputs)).result(),
  )
  expect(lost).toEqual([])
  expect(acknowledged).toBeGreaterThan(20)
  await soundCluster(root, Object.keys(whoIsWhere(world).hosts))
  return result.outputs
}

describeOnHosts('access control', () => {
  describe.each([['3.7']])('of etcd %s', (version) => {
    beforeAll(async () => {
      world = await startHostsWorld({ version, spares: 1 })
      ;[app, root] = [await askedAs('app'), await askedAs('root')]
      await switchOn()
    }, 240_000)
    afterAll(() => world?.close(), 60_000)

    test('without a user, and with a wrong password, nothing is changed, and it is said what to correct', async () => {
      const before = await hostsFootprint(root)
      const refused = async () => (await failureOf(await run('etcd-rolling-restart'))).message
      expect(await refused()).toMatch(
        /permission denied.*needs the root role.*`auth` of the cluster in the inventory/,
      )
      nameUser('a guess')
      expect(await refused()).toMatch(
        /User or password is wrong: correct `auth` of the cluster in the inventory/,
      )
      expect(await hostsFootprint(root)).toEqual(before)
      nameUser('secret')
    }, 120_000)

    test('a cluster in order is found in order', async () => {
      const { problems, unknown, runbooks } = await succeed('etcd-inspect')
      expect({ problems, unknown, runbooks }).toEqual({ problems: [], unknown: [], runbooks: [] })
    }, 120_000)

    test('a backup is taken and verified', async () => {
      const outputs = await succeed('etcd-backup')
      expect(outputs['path']).toMatch(/demo-r\d+/)
      expect(outputs['keys']).toBeGreaterThan(500)
    }, 120_000)

    test('every member is restarted', async () => {
      expect(await succeed('etcd-rolling-restart', { soak: '500ms' })).toMatchObject({ agree: true })
    }, 120_000)

    test('the leader moves to another host with its data', async () => {
      const member = await leaderNow(root)
      const to = whoIsWhere(world).free.name
      await succeed('etcd-migrate-node', { member, to, stable: '1s' })
      expect(whoIsWhere(world).hosts).toMatchObject({ [member]: to })
    }, 180_000)

    test('a dead member is replaced: the learner, which takes no logins, is asked all the same', async () => {
      const { hosts, free } = whoIsWhere(world)
      const [member = '', on = ''] = Object.entries(hosts).at(0) ?? []
      await world.lab.stopEtcd(on)
      const outputs = await succeed('etcd-replace-member', {
        ...{ member, to: free.name, stable: '1s', patience: '15s' },
      })
      expect(outputs).toMatchObject({ member, to: free.name })
    }, 180_000)
  })
})

/** With a certificate of that name: etcd takes it for the user's. */
async function askedAs(user: string): Promise<HostsWorld> {
  const pki = join(world.lab.directory, 'pki')
  await authorityIn(pki).issue(join(pki, user), { commonName: user, names: [] })
  const [ca, cert, key] = ['ca.crt', `${user}.crt`, `${user}.key`].map((name) =>
    readFileSync(join(pki, name)),
  )
  if (!ca || !cert || !key) throw new Error(`${user} has no certificate.`)
  return { ...world, tls: { ca, cert, key } }
}

async function switchOn(): Promise<void> {
  const commands = [
    ['role', 'add', 'app'],
    ['role', 'grant-permission', 'app', '--prefix=true', 'readwrite', ''],
    ['user', 'add', 'app', '--no-password'],
    ['user', 'grant-role', 'app', 'app'],
    ['user', 'add', 'root:secret'],
    ['user', 'grant-role', 'root', 'root'],
    ['auth', 'enable'],
  ]
  for (const words of commands) expect(await world.lab.etcdctl('h1', ...words)).toMatchObject({ code: 0 })
}

/** The inventory says that Quorate is `root`, by this password. */
function nameUser(password: string): void {
  writeFileSync(join(world.lab.directory, 'password'), `${password}\n`, { mode: 0o600 })
  const inventory = readFileSync(world.lab.inventory, 'utf8')
  if (/^ +auth:/m.test(inventory)) return
  const auth = 'auth: { user: root, password: file:password }'
  writeFileSync(world.lab.inventory, inventory.replace(/^( +)members:/m, `$1${auth}\n$1members:`))
}
