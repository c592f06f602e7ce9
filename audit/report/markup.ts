import { visible } from './visible.ts'

/** HTML that this program wrote. Anything else that comes into a page is text. */
export interface Markup {
  readonly [written]: string
}

const written = Symbol('markup')

export type Content = Markup | string | number | false | undefined | readonly Content[]

/**
 * The one way to make HTML here: what is filled in is text, wherever it stands, unless `html` made it. Attributes
 * are written in double quotes; no value ever becomes a name, a tag, a style or a script.
 */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Markup {
  let text = parts[0] ?? ''
  for (const [at, value] of values.entries()) text += render(value) + (parts[at + 1] ?? '')
  return { [written]: text }
}

export const textOf = (markup: Markup): string => markup[written]

function render(value: Content): string {
  if (value === undefined || value === false) return ''
  if (typeof value === 'string') return escaped(value)
  // A record that somebody has changed may hold anything.
  if (typeof value !== 'object' || value === null) return escaped(String(value))
  if (written in value) return value[written]
  return value.map(render).join('')
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
}

const escaped = (text: string): string => visible(text).replace(/[&<>"'`]/g, (found) => entities[found] ?? '')
