/**
 * One command line that any POSIX `sh` splits back into exactly `argv`. Everything is quoted: an unquoted word
 * could be an assignment, a keyword or an alias.
 * Throws for what no command line can carry: no word at all, NUL, half a surrogate pair.
 */
export function shellCommand(argv: readonly string[]): string {
  if (argv.length === 0) throw new TypeError('A command needs at least one word.')
  return argv.map(shellWord).join(' ')
}

function shellWord(word: string): string {
  if (word.includes('\0')) throw new TypeError(`A command cannot carry a NUL byte: ${JSON.stringify(word)}.`)
  if (/\p{Surrogate}/u.test(word)) throw new TypeError(`Not valid Unicode: ${JSON.stringify(word)}.`)
  return `'${word.replaceAll("'", `'\\''`)}'`
}
