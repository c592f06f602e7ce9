/** What one line of `authorized_keys` allows the bearer of its key. */
export interface AuthorizedKey {
  /** `ssh-ed25519`. */
  readonly type: string
  readonly blob: Buffer
  /** Run instead of whatever the client asks for. */
  readonly command?: string
  /** False with `restrict` or `no-port-forwarding`. */
  readonly mayForward: boolean
}

/** Reads the lines sshd(8) describes: `[options] type base64 [comment]`. Lines it cannot read allow nothing. */
export function parseAuthorizedKeys(text: string): readonly AuthorizedKey[] {
  return text.split('\n').flatMap((line) => {
    const key = parseLine(line.trim())
    return key === undefined ? [] : [key]
  })
}

function parseLine(line: string): AuthorizedKey | undefined {
  if (line === '' || line.startsWith('#')) return undefined
  const words = splitOutsideQuotes(line, /\s/)
  const at = words.findIndex(isKeyType)
  const [type, base64] = words.slice(at)
  if (at < 0 || at > 1 || type === undefined || base64 === undefined) return undefined
  const options = at === 1 ? splitOutsideQuotes(words[0] ?? '', /,/) : []
  const command = forcedCommand(options)
  return {
    type,
    blob: Buffer.from(base64, 'base64'),
    ...(command === undefined ? {} : { command }),
    mayForward: !options.some((option) => option === 'restrict' || option === 'no-port-forwarding'),
  }
}

const isKeyType = (word: string): boolean => /^(ssh|ecdsa|sk)-[a-z0-9@.-]+$/.test(word)

function forcedCommand(options: readonly string[]): string | undefined {
  const quoted = options.find((option) => option.startsWith('command="') && option.endsWith('"'))
  return quoted?.slice('command="'.length, -1).replaceAll('\\"', '"')
}

function splitOutsideQuotes(text: string, separator: RegExp): readonly string[] {
  const parts = ['']
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i)
    if (character === '"' && text.charAt(i - 1) !== '\\') quoted = !quoted
    if (!quoted && separator.test(character)) parts.push('')
    else parts[parts.length - 1] += character
  }
  return parts.filter((part) => part !== '')
}
