import { appendFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Json } from '../dsl/program.ts'

/** Appends what a run saw and did, one JSON object a line, a file a run. */
export interface Evidence {
  /** Resolves once it is written, so that nothing happens before its intent is on record. */
  append(run: string, entry: object): Promise<void>
}

/** Evidence in a directory, which is made when it is missing. */
export function evidenceIn(directory: string): Evidence {
  let last: Promise<unknown> = Promise.resolve()
  const write = async (run: string, line: string) => {
    await mkdir(directory, { recursive: true })
    await appendFile(evidenceFile(directory, run), line)
  }
  return {
    append(run, entry) {
      const line = `${JSON.stringify({ at: new Date().toISOString(), ...entry })}\n`
      const written = last.then(() => write(run, line))
      last = written.catch(() => undefined)
      return written
    },
  }
}

/** Where the evidence of a run lies. */
export function evidenceFile(directory: string, run: string): string {
  return join(directory, `${run.replace(/[^A-Za-z0-9._-]/g, '_')}.jsonl`)
}

/** A value as evidence and histories keep it. */
export function asJson(value: unknown): Json {
  const text = JSON.stringify(value)
  return text === undefined ? null : z.json().parse(JSON.parse(text))
}
