import type { Report } from './model.ts'

/** The report as its model is. Well-formed whatever it holds: halves of surrogate pairs are escaped. */
export const jsonReport = (report: Report): string => `${JSON.stringify(report, undefined, 2)}\n`
