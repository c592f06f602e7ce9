import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import { createBinaryFinder, type EtcdBinaries } from '../../lab/binaries.ts'
import { type LabActions, startLabActions } from '../../test/lab-actions.ts'
import { until } from '../../test/world.ts'

jest.setTimeout(60_000)

/** The programs of a version brought from the worker's machine to a host, over SSH. */

let lab: LabActions
let root: string
let programs: EtcdBinaries

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'quorate-stage-'))
  programs = await createBinaryFinder().etcd('3.7')
  lab = await startLabActions({
    ...{ members: 1, spares: 0 },
    inventory: (text) =>
      text
        .replace(/^( +)binDir:/m, `$1versionsDir: ${join(root, 'versions')}\n$1binDir:`)
        .replace(/^( +)members:/m, `$1binaries: ${join(root, 'binaries')}\n$1members:`),
  })
})
afterAll(async () => {
  await lab?.close()
  rmSync(root, { recursive: true, force: true })
})
beforeEach(() => {
  for (const name of ['versions', 'binaries']) {
    rmSync(join(root, name), { recursive: true, force: true })
    mkdirSync(join(root, name))
  }
  symlinkSync(dirname(programs.etcd), join(root, 'binaries', programs.version))
})

/** Where a program of a version lies on the host. */
const there = (program = '', version = programs.version) => join(root, 'versions', version, program)
/** Where a run that is called so writes it before it is whole. */
const half = (run: string, program: string) => join(`${there()}.quorate-${run}`, program)
const stage = (version = programs.version, acting = {}) => lab.act('etcd.binary.stage', { version }, acting)
const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex')
const refused = (message: RegExp) => ({
  details: [{ kind: 'refused' }],
  message: expect.stringMatching(message),
})

test('what the worker has comes to the host, and is not brought twice', async () => {
  const etcd = digest(programs.etcd)
  expect(await stage()).toMatchObject({ uploadedTo: ['h1'], sha256: { etcd } })
  expect([digest(there('etcd')), statSync(there('etcd')).mode & 0o777]).toEqual([etcd, 0o755])
  expect(await stage()).toMatchObject({ uploadedTo: [], sha256: { etcd } })
})

test('another program in its place is left alone and named, with both digests', async () => {
  mkdirSync(there())
  copyFileSync(programs.etcdctl, there('etcd'))
  const [its, ours] = [digest(there('etcd')), digest(programs.etcd)]
  await expect(stage()).rejects.toMatchObject(
    refused(new RegExp(`etcd on h1 is not the one in .*SHA-256 ${its} there, ${ours} here`)),
  )
  expect(digest(there('etcd'))).toBe(its)
})

test('half a program that a person copied there is no program', async () => {
  mkdirSync(there())
  copyFileSync(programs.etcd, there('etcd'))
  truncateSync(there('etcd'), 1_000_000)
  await expect(stage()).rejects.toMatchObject(refused(/etcd on h1 is not the one in/))
  rmSync(join(root, 'binaries'), { recursive: true })
  await expect(stage()).rejects.toMatchObject(refused(/etcd on h1 does not run there/))
})

test('a program that is another version than its directory says never gets its name', async () => {
  symlinkSync(dirname(programs.etcd), join(root, 'binaries', '3.7.99'))
  await expect(stage('3.7.99')).rejects.toMatchObject(
    refused(new RegExp(`says that it is ${programs.version.replaceAll('.', '\\.')}, not 3\\.7\\.99`)),
  )
  expect(existsSync(there('', '3.7.99'))).toBe(false)
})

test('what a worker that stopped left behind is taken for nothing, and the next one brings it whole', async () => {
  const stopping = new AbortController()
  const stopped = async () => {
    await until('half an upload', () => existsSync(half('first', 'etcd.part')), 20_000, 1)
    stopping.abort(new Error('the worker stops'))
  }
  const staging = stage(programs.version, { run: 'first', signal: stopping.signal })
  await expect(Promise.all([staging, stopped()])).rejects.toThrow('the worker stops')
  expect(existsSync(there())).toBe(false)

  expect(await stage(programs.version, { run: 'second' })).toMatchObject({ uploadedTo: ['h1'] })
  expect(digest(there('etcd'))).toBe(digest(programs.etcd))
})

test('the same run goes on where its worker died: half a file is written anew', async () => {
  mkdirSync(dirname(half('third', 'etcd')))
  writeFileSync(half('third', 'etcd.part'), readFileSync(programs.etcd).subarray(0, 1_000_000))
  writeFileSync(half('third', 'etcdctl'), 'half')
  expect(await stage(programs.version, { run: 'third' })).toMatchObject({ uploadedTo: ['h1'] })
  expect([digest(there('etcd')), digest(there('etcdctl'))]).toEqual([
    digest(programs.etcd),
    digest(programs.etcdctl),
  ])
})
