/** One line of plain text: no markup, link, image, HTML or mention can come out of it. */
export function escaped(text: string, longest = shortText): string {
  const line = text.replace(/[\s\p{C}]+/gu, ' ').trim()
  const cut = line.length <= longest ? line : `${line.slice(0, longest - 1)}…`
  const plain = cut
    .replace(/[&<>]/g, (character) => entities[character] ?? '')
    .replace(/[\\`*_{}[\]|~@]/g, '\\$&')
  return plain.replace(/:\/\//g, ':\\/\\/').replace(/www\./gi, (match) => `${match.slice(0, 3)}\\.`)
}

const shortText = 160

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }
