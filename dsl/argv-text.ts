/** A command as a person reads it: quoted as a shell wants it; a script by its length. */
export function argvText(argv: readonly string[]): string {
  return argv.map(wordText).join(' ')
}

function wordText(word: string): string {
  const lines = word.trim().split('\n').length
  if (lines > 1 || word.length > 200) return `'(script, ${lines} ${lines === 1 ? 'line' : 'lines'})'`
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
