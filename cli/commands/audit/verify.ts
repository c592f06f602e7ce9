import { existsSync, readFileSync, statSync } from 'node:fs'
import type { Finding, Verification } from '../../../audit/store.ts'
import { type Command, type Flags, type FlagSpec, UsageError } from '../../command.ts'
import { exitCodes } from '../../exit-codes.ts'
import { recordFlag, withRecord } from '../../record.ts'
import { type Terminal, wrapped } from '../../terminal.ts'

/** What a check is held against: keys that may sign, and what was handed to places outside. */
export const trustFlags: Readonly<Record<string, FlagSpec>> = {
  key: {
    type: 'string',
    multiple: true,
    value: 'FILE',
    help: 'a public key that may have signed (PEM); every other is wrong then',
  },
  anchors: {
    type: 'string',
    multiple: true,
    value: 'FILE',
    help: 'what was anchored outside: the file, a syslog, an exported chat',
  },
}

export const verifyCommand: Command = {
  name: 'audit verify',
  usage: '[BUNDLE] [--key FILE] [--anchors FILE]',
  summary: 'see that nobody has changed the record, or a bundle of one run',
  details: `Reads all of it, believes none of it, and names the first event of a run that is wrong. A bundle is checked without
the record and without Temporal. Keys and anchors should come from where nobody can write who writes the record:
without anchors, an end that was cut off together with its seals cannot be told. Exit code 1 when something is wrong.`,
  flags: { ...trustFlags, ...recordFlag },
  positionals: { min: 0, max: 1 },
  async run(invocation) {
    const { flags, terminal, positionals } = invocation
    const trust = await trustOf(flags)
    const { verify } = await import('../../../audit/verify.ts')
    const [bundle] = positionals
    const said =
      bundle === undefined
        ? await withRecord(invocation, (store) => verify(store, trust))
        : await verify(await bundleIn(bundle), trust)
    if (flags.on('json')) terminal.out(JSON.stringify(said, null, 2))
    else print(said, terminal)
    return said.ok ? exitCodes.done : exitCodes.failed
  },
}

export async function trustOf(flags: Flags) {
  const { readAnchors } = await import('../../../audit/anchor-line.ts')
  const keys = flags.texts('key').map((file) => contentOf(file, 'key'))
  const anchors = flags.texts('anchors').flatMap((file) => readAnchors(contentOf(file, 'anchors')))
  if (flags.texts('anchors').length > 0 && anchors.length === 0)
    throw new UsageError(
      'There is no anchor in what --anchors names: each is a line with "quorate-anchor v1".',
    )
  return { ...(keys.length === 0 ? {} : { trusted: keys }), anchors }
}

function contentOf(file: string, flag: string): string {
  if (!existsSync(file) || !statSync(file).isFile())
    throw new UsageError(`--${flag}: there is no file ${file}.`)
  return readFileSync(file, 'utf8')
}

async function bundleIn(file: string) {
  if (!existsSync(file)) throw new UsageError(`There is no file ${file}.`)
  const { openBundle } = await import('../../../audit/bundle-read.ts')
  return openBundle(file)
}

function print(
  { ok, events, checkpoints, anchored, signers, wrong, notes }: Verification,
  terminal: Terminal,
): void {
  const { columns } = terminal.size()
  const say = (mark: string, text: string): void =>
    wrapped(text, columns - 4).forEach((line, at) => terminal.out(`  ${at === 0 ? mark : ' '} ${line}`))
  const counts = `${counted(events, 'event')}, ${counted(checkpoints, 'checkpoint')}, ${anchored} compared with anchors`
  terminal.out(
    ok ? `Nothing is wrong: ${counts}.` : `WRONG: ${counted(wrong.length, 'finding')} in ${counts}.`,
  )
  for (const finding of wrong) say('✖', sentenceOf(finding))
  for (const { fingerprint, trusted } of signers)
    say('·', `Signed by ${fingerprint}${trusted ? ', which is trusted' : ''}.`)
  for (const finding of notes) say('·', sentenceOf(finding))
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

function sentenceOf({ workflow, seq, message }: Finding): string {
  if (workflow === undefined) return message
  return `${workflow}${seq === undefined ? '' : `, event ${seq}`}: ${message}`
}
