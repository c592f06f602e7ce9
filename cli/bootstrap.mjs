#!/usr/bin/env node
// The package's command. It must say something sensible on any Node and before anything is installed or
// built, so it is plain JavaScript without dependencies; what it starts is dist/cli/main.js.
import process from 'node:process'

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(
    `Quorate needs Node 20.19 or newer, and this is ${process.versions.node}: get a newer one from https://nodejs.org or with your version manager, then run this again.`,
  )
  process.exit(2)
}

const { makeReady } = await import('./setup.mjs')
try {
  await makeReady()
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exit(1)
}
const { main } = await import('../dist/cli/main.js')
const code = await main(process.argv.slice(2))
// Interrupted, a download may still be under way; what matters has ended by now.
if (code === 130) process.exit(code)
process.exitCode = code
