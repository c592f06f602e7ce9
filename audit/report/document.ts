import { type Content, html, type Markup, textOf } from './markup.ts'
import { style, styleHash } from './style.ts'

/** What a page may do: show its own style. No script, no picture, no font, no frame; a form only where there are some. */
export const policyOf = (more: readonly string[] = []): string =>
  ["default-src 'none'", `style-src ${styleHash}`, "base-uri 'none'", ...more].join('; ')

/** A whole page. Its style is not escaped: it is ours, and its hash is in the policy. */
export function documentOf(title: string, policy: string, body: Content): string {
  const head = html`<meta charset="utf-8" />
    <meta http-equiv="Content-Security-Policy" content="${policy}" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="referrer" content="no-referrer" />
    <title>${title}</title>`
  return `<!doctype html>\n<html lang="en">\n<head>\n${textOf(head)}\n<style>${style}</style>\n</head>\n<body>\n${textOf(html`${body}`)}\n</body>\n</html>\n`
}

/** A section with a heading that it is named by. */
export const section = (id: string, title: string, ...content: readonly Content[]): Markup =>
  html`<section aria-labelledby="${id}">
    <h2 id="${id}">${title}</h2>
    ${content}
  </section>`

/** A row of a list of terms; nothing when there is nothing to say. */
export const term = (name: string, content: Content): Content =>
  content === undefined ||
  content === false ||
  content === '' ||
  (Array.isArray(content) && content.length === 0)
    ? undefined
    : html`<dt>${name}</dt>
        <dd>${content}</dd> `

export const list = (items: readonly Content[]): Content =>
  items.length === 0
    ? undefined
    : html`<ul>
        ${items.map((item) => html`<li>${item}</li>`)}
      </ul>`

export const code = (text: string): Markup => html`<code>${text}</code>`

/** A table that may be wider than the page: then it scrolls by itself, with the keys, too. */
export const table = (
  caption: string,
  heads: readonly string[],
  rows: readonly Content[],
  kind = '',
): Markup =>
  html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0">
    <table class="${kind}">
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${heads.map((head) => html`<th scope="col">${head}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`
