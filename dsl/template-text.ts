import type { Range } from './source.ts'

/** A text cut at its `${{ … }}`: what stands between is text, ranges are offsets into the whole. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'expression'; readonly source: string; readonly range: Range }

export type Cut =
  | { readonly ok: true; readonly pieces: readonly Piece[] }
  | { readonly ok: false; readonly range: Range; readonly message: string }

/** `$${{` writes a `${{` that is none. Quotes inside an expression may hold `}}`. */
export function cutTemplate(text: string): Cut {
  const pieces: Piece[] = []
  let plain = ''
  let at = 0
  while (at < text.length) {
    if (text.startsWith('$${{', at)) {
      plain += '${{'
      at += 4
    } else if (text.startsWith('${{', at)) {
      const end = endOfExpression(text, at + 3)
      if (end === undefined) return unclosed(text, at)
      const piece = trimmed(text, { start: at + 3, end })
      if (piece === undefined) return empty(at, end)
      if (plain !== '') pieces.push({ kind: 'text', text: plain })
      plain = ''
      pieces.push(piece)
      at = end + 2
    } else plain += text[at++]
  }
  if (plain !== '' || pieces.length === 0) pieces.push({ kind: 'text', text: plain })
  return { ok: true, pieces }
}

function unclosed(text: string, at: number): Cut {
  return { ok: false, range: { start: at, end: text.length }, message: 'This "${{" has no "}}".' }
}

function empty(at: number, end: number): Cut {
  return {
    ok: false,
    range: { start: at, end: end + 2 },
    message: 'There is no expression between "${{" and "}}".',
  }
}

function endOfExpression(text: string, from: number): number | undefined {
  let quote: string | undefined
  let braces = 0
  for (let at = from; at < text.length; at++) {
    const character = text[at]
    if (quote !== undefined) {
      if (character === '\\') at++
      else if (character === quote) quote = undefined
    } else if (character === '"' || character === "'") quote = character
    else if (character === '{') braces++
    else if (character === '}' && braces > 0) braces--
    else if (character === '}' && text[at + 1] === '}') return at
  }
  return undefined
}

function trimmed(text: string, { start, end }: Range): Piece | undefined {
  const inner = text.slice(start, end)
  const source = inner.trim()
  if (source === '') return undefined
  const from = start + inner.indexOf(source)
  return { kind: 'expression', source, range: { start: from, end: from + source.length } }
}
