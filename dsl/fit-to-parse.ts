import type { Problem } from './problem.ts'
import { problemAt, type Range, type Source } from './source.ts'

const mostBytes = 256 * 1024
export const deepest = 64
/** Counted blindly, quotes and comments included, so it is above `deepest`; far below what a parser survives. */
const deepestBlind = 256

/** Why a text is not given to the parser at all. */
export function unfit(source: Source): Problem | undefined {
  return tooBig(source) ?? tooManyOpen(source) ?? tooFarIn(source)
}

function tooBig(source: Source): Problem | undefined {
  const bytes = utf8Length(source.text)
  if (bytes <= mostBytes) return undefined
  const message = `The file has ${bytes} bytes; ${mostBytes} (256 KiB) is the most.`
  return problemAt(source, { start: 0, end: 1 }, { code: 'FILE_TOO_BIG', message })
}

function utf8Length(text: string): number {
  if (text.length > mostBytes) return text.length
  let bytes = 0
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
  }
  return bytes
}

/** Looks at brackets alone, without knowing what is quoted: cheap, and never too late. */
function tooManyOpen(source: Source): Problem | undefined {
  let open = 0
  for (let at = 0; at < source.text.length; at++) {
    const character = source.text[at]
    if (character === '[' || character === '{') open++
    else if ((character === ']' || character === '}') && open > 0) open--
    if (open > deepestBlind) return tooDeep(source, { start: at, end: at + 1 })
  }
  return undefined
}

/** A level of block nesting costs at least a column of indentation or one of the marks `-`, `?` and `:`. */
function tooFarIn(source: Source): Problem | undefined {
  for (const lineStart of source.lineStarts) {
    let columns = 0
    while (columns <= deepestBlind && isIndent(source.text[lineStart + columns])) columns++
    const at = lineStart + columns
    if (columns > deepestBlind) return tooDeep(source, { start: at, end: at + 1 })
  }
  return undefined
}

function isIndent(character: string | undefined): boolean {
  return (
    character === ' ' || character === '\t' || character === '-' || character === '?' || character === ':'
  )
}

export function tooDeep(source: Source, range: Range): Problem {
  const message = `Lists and maps are nested deeper than ${deepest} here.`
  return problemAt(source, range, { code: 'NESTED_TOO_DEEP', message })
}
