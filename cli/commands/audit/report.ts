import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Archive } from '../../../audit/archive.ts'
import type { Report } from '../../../audit/report/model.ts'
import { nearest } from '../../../dsl/near.ts'
import { type Command, type Invocation, UsageError } from '../../command.ts'
import { exitCodes } from '../../exit-codes.ts'
import { findRecorded, recordFlag, withRecord } from '../../record.ts'
import { trustFlags, trustOf } from './verify.ts'

const formats = ['html', 'md', 'json', 'bundle'] as const
type Format = (typeof formats)[number]
type Trust = Awaited<ReturnType<typeof trustOf>>

export const report: Command = {
  name: 'audit report',
  usage: 'RUN [--format html|md|json|bundle] [--out FILE] [--key FILE] [--anchors FILE]',
  summary: 'write what happened in a run as one file, verified',
  details: `html is one file without a script, to be mailed and printed; md is for a ticket; json for a program. A bundle has all
that is on record of the run, and verifies by itself: \`quorate audit verify FILE\`. Without --out, md and json are
printed, the others written here as RUN.html and RUN.quorate-audit. Exit code 1 when the record of the run is not sound.`,
  flags: {
    format: { type: 'string', value: 'FORMAT', help: 'html, md, json or bundle (default md)' },
    out: { type: 'string', short: 'o', value: 'FILE', help: 'where to' },
    ...trustFlags,
    ...recordFlag,
  },
  positionals: { min: 1, max: 1 },
  async run(invocation) {
    const { flags, positionals } = invocation
    const format = formatOf(flags.on('json') ? 'json' : (flags.text('format') ?? 'md'))
    const trust = await trustOf(flags)
    return withRecord(invocation, async (store) => {
      const { run, workflow } = await findRecorded(store, positionals[0] ?? '')
      const out =
        flags.text('out') ?? (format === 'md' || format === 'json' ? undefined : fileOf(workflow, format))
      if (format === 'bundle') return bundle(store, run, out ?? '', invocation)
      return written({ store, run, format, trust }, out, invocation)
    })
  },
}

function formatOf(text: string): Format {
  const found = formats.find((one) => one === text)
  if (found !== undefined) return found
  const near = nearest(text, formats)
  throw new UsageError(
    `--format is "${text}": ${near === undefined ? `write one of ${formats.join(', ')}.` : `did you mean ${near}?`}`,
  )
}

const fileOf = (workflow: string, format: 'html' | 'bundle'): string =>
  `${workflow.replace(/[^A-Za-z0-9._-]/g, '_')}.${format === 'html' ? 'html' : 'quorate-audit'}`

async function bundle(store: Archive, run: string, out: string, { terminal }: Invocation) {
  if (existsSync(out)) throw new UsageError(`There is a file ${out} already: name another with --out.`)
  const { writeBundle } = await import('../../../audit/bundle.ts')
  await writeBundle(store, run, out)
  terminal.err(`Written to ${resolve(out)}; \`quorate audit verify ${out}\` checks it, anywhere.`)
  return exitCodes.done
}

interface Wanted {
  readonly store: Archive
  readonly run: string
  readonly format: Exclude<Format, 'bundle'>
  readonly trust: Trust
}

async function written(
  { store, run, format, trust }: Wanted,
  out: string | undefined,
  { terminal }: Invocation,
) {
  const { verifyRun } = await import('../../../audit/verify-one.ts')
  const { everything, readable, readReport } = await import('../../../audit/report/build.ts')
  const verification = await verifyRun(store, run, trust)
  const read = await readReport(store, run, {
    verification,
    limits: format === 'json' ? everything : readable,
  })
  if (read === undefined) throw new UsageError(`Nothing is on record of ${run}.`)
  const text = await textOf(format, read)
  if (out === undefined) terminal.out(text.trimEnd())
  else {
    await writeFile(out, text, { mode: 0o600 })
    terminal.err(`Written to ${resolve(out)}.`)
  }
  for (const { message } of verification.wrong) terminal.err(`WRONG: ${message}`)
  return verification.ok ? exitCodes.done : exitCodes.failed
}

/** Loaded when it is wanted. */
async function textOf(format: Wanted['format'], report: Report): Promise<string> {
  if (format === 'json') return (await import('../../../audit/report/json.ts')).jsonReport(report)
  if (format === 'md')
    return (await import('../../../audit/report/markdown.ts')).markdownReport(report, Date.now())
  return (await import('../../../audit/report/html.ts')).htmlReport(report, Date.now())
}
