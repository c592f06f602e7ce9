// Installs and builds when that is needed, and only then: asking costs some milliseconds.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const packageDirectory = () => dirname(dirname(fileURLToPath(import.meta.url)))

/**
 * Leaves the package installed and built. Throws an Error with one sentence for people when it cannot be.
 * Two that run at once do not disturb each other: the second waits.
 */
export async function makeReady(root = packageDirectory(), say = sayOnStderr) {
  if (!needsInstall(root) && !needsBuild(root)) return
  const release = await takeTurn(root, say)
  try {
    if (needsInstall(root)) await install(root, say)
    if (needsBuild(root)) await build(root, say)
  } finally {
    release()
  }
}

/** Whether node_modules is missing or was made from another package-lock.json. */
export function needsInstall(root) {
  const lock = join(root, 'package-lock.json')
  // Installed as a package of its own: then its dependencies were as well.
  if (!existsSync(lock)) return false
  const installed = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(installed)) return true
  const stamp = join(root, 'node_modules', STAMP)
  if (existsSync(stamp)) return readFileSync(stamp, 'utf8') !== digestOf(lock)
  return statSync(lock).mtimeMs > statSync(installed).mtimeMs
}

/** Whether dist is missing or older than any source. */
export function needsBuild(root) {
  const stamp = join(root, 'dist', STAMP)
  if (!existsSync(join(root, 'tsconfig.json'))) return false
  if (!existsSync(stamp) || !existsSync(join(root, 'dist', 'cli', 'main.js'))) return true
  return newestSource(root) > statSync(stamp).mtimeMs
}

const STAMP = '.quorate-stamp'
const ROOMS = [
  'dsl',
  'workflows',
  'rehearsal',
  'activities',
  'audit',
  'worker',
  'client',
  'cli',
  'lab',
  'bench',
]
const TURN_TAKES_AT_MOST_MS = 10 * 60_000

const sayOnStderr = (line) => process.stderr.write(`${line}\n`)

const digestOf = (file) => createHash('sha256').update(readFileSync(file)).digest('hex')

function newestSource(root) {
  const configs = readdirSync(root).filter((name) => /^(tsconfig.*|package)\.json$/.test(name))
  const files = [
    ...configs.map((name) => join(root, name)),
    ...ROOMS.flatMap((room) => sources(join(root, room))),
  ]
  return files.reduce((newest, file) => Math.max(newest, statSync(file).mtimeMs), 0)
}

function sources(directory) {
  if (!existsSync(directory)) return []
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) return sources(path)
    return /\.(ts|mjs)$/.test(entry.name) && !entry.name.endsWith('.test.ts') ? [path] : []
  })
}

async function install(root, say) {
  say('Installing the packages Quorate is built from (once, about a minute) …')
  const startedMs = Date.now()
  await run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], {
    root,
    failure: 'The packages could not be installed',
    advice: 'check the network and npm’s settings, then run this again',
  })
  writeFileSync(join(root, 'node_modules', STAMP), digestOf(join(root, 'package-lock.json')))
  say(`Installed in ${seconds(startedMs)}.`)
}

async function build(root, say) {
  say('Building Quorate …')
  const startedMs = Date.now()
  const failure = 'Quorate could not be built'
  const advice =
    'if you changed its sources, mend what is said above; otherwise remove dist/ and node_modules/ and run this again'
  // A source that is saved while this runs counts as newer than what is built from it.
  const startedAt = new Date(startedMs)
  await run(
    process.execPath,
    [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-b', 'tsconfig.json'],
    {
      root,
      failure,
      advice,
    },
  )
  const bundle = join(root, 'dist', 'worker', 'bundle.js')
  if (existsSync(bundle)) await run(process.execPath, [bundle], { root, failure, advice })
  writeFileSync(join(root, 'dist', STAMP), '')
  utimesSync(join(root, 'dist', STAMP), startedAt, startedAt)
  say(`Built in ${seconds(startedMs)}.`)
}

/** What the program prints goes to stderr: stdout belongs to the command, `--json` say. */
function run(program, args, { root, failure, advice }) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 2, 2] })
    child.once('error', (error) =>
      reject(new Error(`${failure}: ${program} cannot be started (${error.message}); ${advice}.`)),
    )
    child.once('exit', (code, signal) => {
      if (code === 0) resolve()
      else reject(new Error(`${failure} (${program} ended with ${code ?? signal}); ${advice}.`))
    })
  })
}

/** A directory is the lock; that of a process that is gone is taken over. */
async function takeTurn(root, say) {
  const lock = join(root, '.quorate', 'setup.lock')
  mkdirSync(dirname(lock), { recursive: true })
  const deadline = Date.now() + TURN_TAKES_AT_MOST_MS
  let said = false
  for (;;) {
    try {
      mkdirSync(lock)
      writeFileSync(join(lock, 'pid'), String(process.pid))
      return () => rmSync(lock, { recursive: true, force: true })
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    if (isAbandoned(lock)) {
      rmSync(lock, { recursive: true, force: true })
      continue
    }
    if (Date.now() > deadline)
      throw new Error(
        `Another process has been setting Quorate up for ten minutes; if there is none, remove ${lock}.`,
      )
    if (!said) say('Another process is setting Quorate up: waiting for it …')
    said = true
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

function isAbandoned(lock) {
  try {
    const pid = Number(readFileSync(join(lock, 'pid'), 'utf8'))
    process.kill(pid, 0)
    return false
  } catch (error) {
    if (error.code === 'EPERM') return false
    if (error.code === 'ESRCH') return true
    // No pid yet: only for a moment, unless its process died in just that moment.
    return ageMs(lock) > 5_000
  }
}

function ageMs(path) {
  try {
    return Date.now() - statSync(path).mtimeMs
  } catch {
    return 0
  }
}

const seconds = (sinceMs) => `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`
