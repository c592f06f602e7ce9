// A process that writes events of one run, each durable before the next: `node writer.js STORE RUN NAME [COUNT]`.
// Says on stdout the id of each once it is acknowledged. Without a COUNT it writes until it is killed.
import { writeSync } from 'node:fs'
import process from 'node:process'
import { openStore } from '../audit/open.ts'
import { commandDone } from './events.ts'

const [place = '', run = '', name = '', count] = process.argv.slice(2)
const most = count === undefined ? Number.POSITIVE_INFINITY : Number(count)
const store = await openStore(place)
for (let number = 1; number <= most; number++) {
  const id = `${name}/${number}`
  await store.append([commandDone(run, id)])
  // At once, past all buffers of this process.
  writeSync(1, `${id}\n`)
}
await store.close()
