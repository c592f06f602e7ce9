import { readFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { ReadableStream } from 'node:stream/web'
import { Decrypter, Encrypter } from 'age-encryption'
import { ActionError, InputError } from '../failure.ts'
import { secrets } from '../redact/secrets.ts'

/** Makes one stream of another on its way through the worker. */
export type Transform = (read: Readable) => Readable

/**
 * Encrypts to age recipients (`age1…`), so that `age` itself can read it (https://age-encryption.org/v1). Throws
 * `InputError` for what is no recipient.
 */
export function encryptedTo(recipients: readonly string[]): Transform {
  const encrypter = new Encrypter()
  for (const recipient of recipients) {
    try {
      encrypter.addRecipient(recipient)
    } catch (cause) {
      throw new InputError(`"${recipient}" is no age recipient: one begins with age1.`, { cause })
    }
  }
  return (read) => piped(read, (stream) => encrypter.encrypt(stream))
}

/**
 * Decrypts with the identities of a file as `age-keygen` writes it: `AGE-SECRET-KEY-1…` a line, comments after `#`.
 * They stay on the worker. Throws `InputError` when the file holds none.
 */
export async function decryptedWith(identityFile: string): Promise<Transform> {
  const text = await readFile(identityFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new InputError(`The age identity ${identityFile} cannot be read: ${error.code ?? error.message}.`)
  })
  secrets.addLines('age identity', text)
  const identities = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  const decrypter = new Decrypter()
  try {
    for (const identity of identities) decrypter.addIdentity(identity)
  } catch (cause) {
    // What the library says may hold the key.
    throw new InputError(`${identityFile} holds something that is no age identity.`, { cause: nameOf(cause) })
  }
  if (identities.length === 0) throw new InputError(`${identityFile} holds no age identity.`)
  return (read) =>
    piped(
      read,
      (stream) => decrypter.decrypt(stream),
      (cause) =>
        new ActionError(`The backup cannot be decrypted with ${identityFile}: ${messageOf(cause)}.`, {
          cause,
        }),
    )
}

type Ciphering = (stream: ReadableStream<Uint8Array>) => Promise<AsyncIterable<Uint8Array>>

function piped(
  read: Readable,
  cipher: Ciphering,
  told: (cause: unknown) => unknown = (cause) => cause,
): Readable {
  const ciphered = async function* () {
    try {
      yield* await cipher(ReadableStream.from(bytesOf(read)))
    } catch (cause) {
      throw cause instanceof ActionError ? cause : told(cause)
    }
  }
  return Readable.from(ciphered(), { objectMode: false })
}

async function* bytesOf(read: Readable): AsyncGenerator<Uint8Array> {
  for await (const chunk of read) yield Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk))
}

function nameOf(cause: unknown): string {
  return cause instanceof Error ? cause.name : 'unknown'
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
