import { documentOf, policyOf } from '../report/document.ts'
import { type Content, html } from '../report/markup.ts'
import type { Answered } from './request.ts'

/** A page of the site: what is always on it, and its own content. */
export function page(title: string, content: Content, status = 200): Answered {
  return {
    status,
    type: 'text/html; charset=utf-8',
    body: documentOf(
      `${title} · Quorate record`,
      policyOf(["form-action 'self'"]),
      html`<a class="skip" href="#content">Skip to the content</a>
        <header>
          <nav class="top" aria-label="Site">
            <strong>Quorate record</strong>
            <a href="/">Runs</a>
            <a href="/durations">Durations</a>
          </nav>
        </header>
        <main id="content">
          <h1>${title}</h1>
          ${content}
        </main>`,
    ),
  }
}

/** What could not be shown, and what to do. */
export const sorry = (status: number, title: string, message: string): Answered =>
  page(
    title,
    html`<p>${message}</p>
      <p><a href="/">All runs</a></p>`,
    status,
  )

export const runPath = (run: string, more = ''): string => `/runs/${encodeURIComponent(run)}${more}`

/** A labelled field of a form that filters; it shows what was asked. */
export const field = (
  query: { text(name: string): string | undefined },
  name: string,
  label: string,
  type = 'text',
) =>
  html`<div>
    <label for="${name}">${label}</label>
    <input id="${name}" name="${name}" type="${type}" value="${query.text(name) ?? ''}" autocomplete="off" />
  </div>`
