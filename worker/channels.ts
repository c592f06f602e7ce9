import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { InputError } from '../activities/failure.ts'
import { checkShape } from '../dsl/check-shape.ts'
import { printProblems } from '../dsl/print.ts'
import { readYaml } from '../dsl/read-yaml.ts'

/** Where notices go: by name, an `http:` or `https:` address to POST to, or `file:PATH` to append to. */
export type Channels = Readonly<Record<string, string>>

const address = z.string().regex(/^(https?:\/\/[^\s]+|file:.+)$/, {
  error: 'A channel is an address: https://…, http://… or file:PATH.',
})
const name = z.string().regex(/^[A-Za-z][A-Za-z0-9_.-]*$/, {
  error: 'It begins with a letter and has letters, digits, ".", "_" and "-" only.',
})
const fileSchema = z.strictObject({
  channels: z.record(name, address).describe('Where notices go, by the names that `to` takes.'),
})

/**
 * What `QUORATE_NOTIFY` means: addresses, each perhaps with a name (`oncall=https://…`), set apart by blanks;
 * else the path of a YAML or JSON file with `channels`. The file is read anew for every call. Throws `InputError`.
 */
export async function readChannels(setting: string | undefined, directory: string): Promise<Channels> {
  if (setting === undefined) return {}
  const words = setting.split(/\s+/).filter((word) => word !== '')
  if (words.every((word) => listed.test(word))) return absolute(fromList(words), directory)
  return fromFile(resolve(directory, setting))
}

const listed = /^(?:([A-Za-z][A-Za-z0-9_.-]*)=)?((?:https?:\/\/|file:).+)$/

function fromList(words: readonly string[]): Channels {
  const channels: Record<string, string> = {}
  for (const word of words) {
    const [, given, where = ''] = listed.exec(word) ?? []
    const called = given ?? nameOf(where)
    if (channels[called] !== undefined)
      throw new InputError(
        `QUORATE_NOTIFY has two channels "${called}": give them names, as in ops=https://….`,
      )
    channels[called] = where
  }
  return channels
}

const nameOf = (where: string): string => (where.startsWith('file:') ? 'file' : hostOf(where))

function hostOf(where: string): string {
  try {
    return new URL(where).hostname
  } catch {
    throw new InputError('QUORATE_NOTIFY has an address that is none; write https://HOST/PATH.')
  }
}

async function fromFile(file: string): Promise<Channels> {
  const text = await textOf(file)
  const yaml = readYaml(file, text)
  const checked = yaml.ok ? checkShape(yaml.value.source, yaml.value.root, fileSchema, 'the file') : yaml
  if (checked.ok) return absolute(checked.value.channels, dirname(file))
  const problems = printProblems(checked.problems, new Map([[file, text]]))
  throw new InputError(`The channels for notices have errors.\n${problems}`)
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const reason =
      typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown reason'
    const advice = 'set QUORATE_NOTIFY to a file with "channels", or to addresses such as https://HOST/PATH.'
    throw new InputError(`The channels for notices cannot be read from ${file} (${reason}): ${advice}`, {
      cause: error,
    })
  }
}

/** Paths count from where they are written. */
function absolute(channels: Channels, directory: string): Channels {
  return Object.fromEntries(
    Object.entries(channels).map(([channel, where]) => [
      channel,
      where.startsWith('file:') ? `file:${resolve(directory, where.replace(/^file:(\/\/)?/, ''))}` : where,
    ]),
  )
}
