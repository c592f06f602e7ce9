// How quick and how safe the record is: `npm run bench:record`. Prints a table; takes about five minutes.
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import type { Archive } from '../audit/archive.ts'
import { openStore } from '../audit/open.ts'
import { preparePostgres } from '../audit/postgres.ts'
import { openSealKey } from '../audit/seal-key.ts'
import { seal } from '../audit/seal.ts'
import { verify } from '../audit/verify.ts'
import { startPostgres, whyNoPostgres } from '../lab/postgres.ts'
import { commandDone, fill } from './events.ts'
import { killWriters } from './kill.ts'

const ROUNDS = 5
const ROUND_MS = 2000
const KILLS = 60

interface Figure {
  readonly what: string
  readonly value: string
}

const directory = mkdtempSync(join(process.env['QUORATE_BENCH'] ?? tmpdir(), 'quorate-bench-'))
const postgres = whyNoPostgres() === undefined ? await startPostgres() : undefined
try {
  console.log(
    `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores, Node ${process.version}, in ${directory}`,
  )
  await measure('SQLite', async (name) => join(directory, `${name}.db`))
  if (postgres === undefined) console.log(whyNoPostgres())
  else
    await measure('Postgres', async (name) => {
      await preparePostgres(await postgres.createDatabase(name), 'worker')
      return postgres.url(name, 'worker')
    })
} finally {
  await postgres?.stop()
  rmSync(directory, { recursive: true })
}

async function measure(kind: string, newPlace: (name: string) => Promise<string>): Promise<void> {
  const figures: Figure[] = []
  for (const writers of [1, 8]) {
    const store = await openStore(await newPlace(`write_${writers}`))
    const rates: number[] = []
    for (let round = 0; round < ROUNDS; round++) rates.push(await eventsASecond(store, writers, round))
    await store.close()
    figures.push({
      what: `durable events a second, ${writers === 1 ? 'one writer that waits for each' : `${writers} writers at once`}`,
      value: `${Math.round(median(rates))} (${rates
        .map(Math.round)
        .toSorted((a, b) => a - b)
        .join(', ')})`,
    })
  }
  figures.push(...(await verifying(await newPlace('verify'))))
  figures.push(...(await listing(await newPlace('list'))))
  const killed = await killWriters(await newPlace('kill'), KILLS, () => Math.random() * 200)
  figures.push({
    what: `${killed.kills} × \`kill -9\` of a process that writes`,
    value: `${killed.acknowledged} events acknowledged, ${killed.lost.length} lost`,
  })
  console.log(`\n| ${kind} | median (of ${ROUNDS}) |\n| --- | --- |`)
  for (const { what, value } of figures) console.log(`| ${what} | ${value} |`)
  if (killed.lost.length > 0) process.exitCode = 1
}

async function eventsASecond(store: Archive, writers: number, round: number): Promise<number> {
  const began = performance.now()
  const until = began + ROUND_MS
  const writer = async (number: number): Promise<number> => {
    let written = 0
    for (; performance.now() < until; written++)
      await store.append([commandDone(`run-${number}`, `${round}/${written}`)])
    return written
  }
  const all = await Promise.all(Array.from({ length: writers }, (_, number) => writer(number)))
  return all.reduce((sum, written) => sum + written, 0) / ((performance.now() - began) / 1000)
}

async function verifying(place: string): Promise<Figure[]> {
  const store = await openStore(place)
  const key = openSealKey(join(directory, 'seal.pem'))
  await fill(store, 1000, 100)
  for await (const run of store.keys()) await seal(store, run, key)
  const seconds: number[] = []
  const computing: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now()
    const usage = process.cpuUsage()
    const { ok, events } = await verify(store, { trusted: [key.publicKey] })
    if (!ok || events !== 100_000) throw new Error('the record of the benchmark does not verify')
    seconds.push((performance.now() - began) / 1000)
    const { user, system } = process.cpuUsage(usage)
    computing.push((user + system) / 1e6)
  }
  await store.close()
  return [
    {
      what: 'verify 100,000 events of 1,000 sealed runs',
      value: `${median(seconds).toFixed(1)} s, of which ${median(computing).toFixed(1)} s of this process computing`,
    },
    {
      what: 'most memory of the process up to then',
      value: `${Math.round(process.resourceUsage().maxRSS / 1024)} MB`,
    },
  ]
}

async function listing(place: string): Promise<Figure[]> {
  const store = await openStore(place)
  await fill(store, 10_000, 20)
  const pages = {
    'a page of 50 runs of 10,000': {},
    'the same of one cluster': { cluster: 'prod-7' },
    'the same of one person': { person: 'anna' },
    'the same by text': { text: 'host 42' },
  }
  const figures: Figure[] = []
  for (const [what, query] of Object.entries(pages)) {
    const times: number[] = []
    let after: string | undefined
    for (let round = 0; round < ROUNDS; round++) {
      const began = performance.now()
      const page = await store.runs({ ...query, ...(after === undefined ? {} : { after }) })
      times.push(performance.now() - began)
      after = page.next
    }
    figures.push({ what, value: `${median(times).toFixed(0)} ms` })
  }
  await store.close()
  return figures
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
