// `npm test`: sets up all that the suite needs, runs it, and ends with one line: `N passed, N failed`.
// Plain JavaScript, because it runs before anything is installed. Arguments are handed to Jest.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { makeReady } from '../cli/setup.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const ci = process.env.CI === 'true'
const say = (line) => process.stderr.write(`${line}\n`)

/** Another Node of the supported range, for the suites that need no lab. */
const otherNode = '24.21.0'
const pureSuites = [
  'dsl/',
  'workflows/interpreter',
  'activities/ssh/quote',
  'activities/etcd/environment',
  'cli/view',
]

async function main(jestArguments) {
  await makeReady(root, say)
  await fetchBinaries()
  await provideHosts()
  await providePostgres()
  const browser = findBrowser()
  const tally = { passed: 0, failed: 0, skipped: 0 }
  if (jestArguments.length === 0) add(tally, await check())
  add(tally, await jest(process.execPath, 'node', jestArguments, browser))
  if (jestArguments.length === 0) add(tally, await onOtherNode(browser))
  if (ci && tally.skipped > 0) {
    say(`${tally.skipped} skipped: with CI=true nothing may be, so each counts as failed.`)
    tally.failed += tally.skipped
    tally.skipped = 0
  }
  const { passed, failed, skipped } = tally
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
  return failed === 0 ? 0 : 1
}

const add = (tally, more) => {
  for (const key of Object.keys(tally)) tally[key] += more[key]
}

async function fetchBinaries() {
  const { createBinaryFinder } = await import('../dist/lab/binaries.js')
  const finder = createBinaryFinder({ onProgress: say })
  await finder.temporal()
  await finder.temporalTestServer()
  for (const minor of ['3.6', '3.5', '3.7', '3.4']) await finder.etcd(minor)
}

/**
 * What the tests on real hosts need: packages, installed where that is one command and nobody is asked, and the
 * hosts' root file system, made once. Elsewhere these tests are skipped.
 */
async function provideHosts() {
  const { installHostsLabPackages, whyNoHostsLab } = await import('../dist/lab/hosts/requirements.js')
  if (ci && whyNoHostsLab() !== undefined) await installHostsLabPackages(say)
  const why = whyNoHostsLab()
  if (why !== undefined) {
    say(`The tests on real hosts are skipped. ${why}`)
    return
  }
  const { rootFileSystem } = await import('../dist/lab/hosts/root-file-system.js')
  await rootFileSystem(say)
}

/** Chromium for the tests of the Temporal UI; installed where that is one command and nobody is asked. */
function findBrowser() {
  const find = () =>
    [process.env.QUORATE_CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
      .filter(Boolean)
      .find((path) => existsSync(path))
  if (find() === undefined && ci && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    say('Installing chromium for the tests of the Temporal UI …')
    aptInstall('chromium')
  }
  const found = find()
  if (found === undefined)
    say(
      'No Chromium: the tests of the Temporal UI are skipped. Install it (Debian: apt-get install chromium), or set QUORATE_CHROMIUM.',
    )
  return found
}

/** Postgres for the tests of the record; installed where that is one command and nobody is asked. */
async function providePostgres() {
  const { whyNoPostgres } = await import('../dist/lab/postgres.js')
  if (whyNoPostgres() !== undefined && ci && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    say('Installing postgresql for the tests of the record …')
    aptInstall('postgresql')
  }
  const why = whyNoPostgres()
  if (why !== undefined) say(`The tests of the record in Postgres are skipped. ${why}`)
}

function aptInstall(name) {
  spawnSync('sh', ['-c', `apt-get update -qq && apt-get install -y -qq --no-install-recommends ${name}`], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
}

async function check() {
  say('npm run check')
  const code = await run('npm', ['run', '--silent', 'check'])
  return code === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 }
}

async function jest(node, label, jestArguments, browser) {
  const results = join(root, '.quorate', `test-results-${label}.json`)
  mkdirSync(dirname(results), { recursive: true })
  rmSync(results, { force: true })
  const code = await run(
    node,
    [
      join(root, 'node_modules/jest/bin/jest.js'),
      '--maxWorkers=2',
      '--json',
      `--outputFile=${results}`,
      ...jestArguments,
    ],
    { NODE_NO_WARNINGS: '1', ...(browser ? { QUORATE_CHROMIUM: browser } : {}) },
  )
  if (!existsSync(results)) return { passed: 0, failed: 1, skipped: 0 }
  const {
    numPassedTests,
    numFailedTests,
    numPendingTests,
    numTodoTests,
    numRuntimeErrorTestSuites,
    testResults,
  } = JSON.parse(readFileSync(results, 'utf8'))
  nameSkipped(testResults)
  const failed = numFailedTests + numRuntimeErrorTestSuites
  // A run that ends badly without a failed test (a leaked handle, say) is no pass.
  return {
    passed: numPassedTests,
    failed: failed === 0 && code !== 0 ? 1 : failed,
    skipped: numPendingTests + numTodoTests,
  }
}

function nameSkipped(suites) {
  for (const { assertionResults } of suites)
    for (const { status, fullName } of assertionResults)
      if (status === 'pending' || status === 'todo') say(`skipped: ${fullName}`)
}

/** The pure suites once more, on a newer Node from the npm registry, kept in the cache outside the repository. */
async function onOtherNode(browser) {
  const nothing = { passed: 0, failed: 0, skipped: 0 }
  if (process.versions.node.startsWith(`${otherNode.split('.')[0]}.`)) return nothing
  const { cacheDirectory } = await import('../dist/lab/binaries.js')
  const place = join(cacheDirectory(), `node-${otherNode}`)
  const name = `node-${process.platform}-${process.arch}`
  const node = join(place, 'node_modules', name, 'bin', 'node')
  if (!existsSync(node)) {
    say(`Fetching Node ${otherNode} …`)
    mkdirSync(place, { recursive: true })
    const code = await run('npm', [
      'install',
      '--prefix',
      place,
      '--no-save',
      '--loglevel=error',
      '--no-audit',
      '--no-fund',
      `${name}@${otherNode}`,
    ])
    if (code !== 0) return { ...nothing, skipped: 1 }
  }
  say(`The pure suites on Node ${otherNode}`)
  return jest(node, `node-${otherNode}`, pureSuites, browser)
}

/** The output goes to stderr: the last line on stdout is the tally. */
function run(program, args, environment = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: root,
      stdio: ['ignore', 2, 2],
      env: { ...process.env, ...environment },
    })
    child.once('error', () => resolve(1))
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  console.log('0 passed, 1 failed')
  process.exitCode = 1
}
