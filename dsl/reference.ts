import { actionsPage, type PagedAction } from './action-page.ts'
import type { Program } from './program.ts'
import { type Origin, runbookPage, runbooksIndex } from './runbook-page.ts'

export interface PagedRunbook extends Pick<Origin, 'file' | 'link'> {
  readonly program: Program
  /** What it was compiled from. */
  readonly text: string
}

export interface Reference {
  readonly actions: readonly PagedAction[]
  readonly runbooks: readonly PagedRunbook[]
  /** As Markdown. */
  readonly madeBy: string
  /** What the runbooks are, for the head of their list. */
  readonly about: string
}

/** Markdown pages by their path: of all actions, of each runbook, and the list of these. */
export function referencePages({
  actions,
  runbooks,
  madeBy,
  about,
}: Reference): Readonly<Record<string, string>> {
  const programs = runbooks.map(({ program }) => program)
  const pages = runbooks.map(
    ({ program, text, ...origin }) =>
      [`runbooks/${program.name}.md`, runbookPage(program, text, { madeBy, ...origin })] as const,
  )
  return {
    'actions.md': actionsPage(actions, madeBy),
    'runbooks/README.md': runbooksIndex(
      programs,
      `${about} \`quorate runbooks\` lists them in the terminal.`,
    ),
    ...Object.fromEntries(pages),
  }
}
