import type { ActionProgress } from '../client/run.ts'
import { bytesText } from '../dsl/duration.ts'
import { elapsed, fitted, plainLine, styled } from './terminal.ts'

/** What a long action says of itself, for the end of its step's line. What has a size gets a bar below as well. */
export function progressText([current]: readonly ActionProgress[]): string {
  if (current === undefined) return ''
  const { text = '', done, total, attempt, lastFailure } = current
  const count = total === undefined && done !== undefined ? amountOf(current, done) : ''
  const again = attempt > 1 ? `attempt ${attempt}${lastFailure === undefined ? '' : ` (${lastFailure})`}` : ''
  return plainLine([text, count, again].filter((part) => part !== '').join(', '))
}

/** `████████░░░░  45 %  1.2 GiB of 3 GiB  85 MiB/s  21.0 s left`; nothing for what has no size. */
export function progressBar(
  [current]: readonly ActionProgress[],
  { columns, colour }: { readonly columns: number; readonly colour: boolean },
): string | undefined {
  const { done, total, perSecond, leftMs } = current ?? {}
  if (current === undefined || done === undefined || total === undefined || total <= 0) return undefined
  const share = Math.max(0, Math.min(1, done / total))
  const figures = [
    `${String(Math.floor(share * 100)).padStart(3)} %`,
    `${amountOf(current, done)} of ${amountOf(current, total)}`,
    ...(perSecond === undefined ? [] : [`${amountOf(current, Math.round(perSecond))}/s`]),
    ...(leftMs === undefined || share === 1 ? [] : [`${elapsed(leftMs)} left`]),
  ].join('  ')
  const width = Math.min(WIDEST, columns - figures.length - 2)
  if (width < NARROWEST) return styled(fitted(figures.trimStart(), columns), 'dim', colour)
  const full = Math.round(share * width)
  return `${styled('█'.repeat(full), 'cyan', colour)}${styled(`${'░'.repeat(width - full)}  ${figures}`, 'dim', colour)}`
}

const WIDEST = 30
const NARROWEST = 8

const amountOf = ({ unit }: ActionProgress, amount: number): string =>
  unit === 'bytes' ? bytesText(amount) : String(amount)
