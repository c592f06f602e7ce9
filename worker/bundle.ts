import { existsSync, readdirSync, statSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker'

const dist = dirname(import.meta.dirname)

/** What the build leaves for workers to start with: bundling takes seconds. */
const bundleFile = join(dist, 'workflow-bundle.js')

/** The bundle's file, made anew when it is missing or older than what it is made of. */
export async function workflowBundle(): Promise<string> {
  if (isFresh()) return bundleFile
  return writeBundle()
}

async function writeBundle(): Promise<string> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(dist, 'workflows', 'index.js'),
    workflowInterceptorModules: [join(dist, 'workflows', 'sender.js')],
    logger: new DefaultLogger('ERROR'),
  })
  await mkdir(dirname(bundleFile), { recursive: true })
  const own = `${bundleFile}.${process.pid}`
  try {
    await writeFile(own, code)
    await rename(own, bundleFile)
  } finally {
    await rm(own, { force: true })
  }
  return bundleFile
}

function isFresh(): boolean {
  if (!existsSync(bundleFile)) return false
  const made = statSync(bundleFile).mtimeMs
  return ['workflows', 'dsl'].every((room) => newest(join(dist, room)) <= made)
}

const newest = (directory: string): number =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.js'))
    .reduce((latest, entry) => Math.max(latest, statSync(join(entry.parentPath, entry.name)).mtimeMs), 0)

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeBundle()
