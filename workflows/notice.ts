import { asText, render } from '../dsl/expression.ts'
import type { Json, NotifyStep } from '../dsl/program.ts'
import type { Notice, StepResult, Told } from './ports.ts'
import { textOf } from './summary.ts'

type Values = Readonly<Record<string, Json>>

const longest = 4000

/** What people are told. What cannot be worked out shows as `…`: whoever must know is told the rest. */
export function noticeOf(step: NotifyStep, path: string, summary: string, values: Values): Asked {
  const text = textOf(step.message, values)
  const notice = {
    step: path,
    summary,
    text: text.length <= longest ? text : `${text.slice(0, longest - 1)}…`,
  }
  if (step.to === undefined) return { ok: true, value: notice }
  try {
    return { ok: true, value: { ...notice, to: namesOf(render(step.to, values)) } }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { ok: false, told: { told: [], failed: [{ channel: 'anybody', reason }] } }
  }
}

/** What is to be told; or, where it is not known whom, what became of it. */
type Asked = { readonly ok: true; readonly value: Notice } | { readonly ok: false; readonly told: Told }

function namesOf(value: Json): readonly string[] {
  if (!isList(value)) throw new Error(`"to" needs a list of channels, not ${asText(value)}`)
  return value.map(asText)
}

const isList = (value: Json): value is readonly Json[] => Array.isArray(value)

/** What became of it, for the step's result: it passes for done only when all who should know were told. */
export function toldResult({ told, failed }: Told): Pick<StepResult, 'status' | 'note'> {
  if (told.length + failed.length === 0) return { status: 'done', note: nobody }
  const parts = [
    ...(told.length === 0 ? [] : [`told ${told.join(', ')}`]),
    ...failed.map(({ channel, reason }) => `${channel} was not told: ${reason}`),
  ]
  return { status: failed.length === 0 ? 'done' : 'failed', note: parts.join('; ') }
}

const nobody = 'shown here only: no channel is configured'
