import type { AuditEvent } from './event.ts'
import { type Database, number, type Row, text, type Value } from './sql.ts'
import { type Checkpoint, type RunPage, type RunQuery, type RunRow, StoreError } from './store.ts'

/**
 * A page of runs, newest first. All of it comes from the events and checkpoints: a run is where an event is the
 * first, and began when that was written.
 */
export async function runsPage(database: Database, query: RunQuery): Promise<RunPage> {
  const limit = Math.max(1, Math.trunc(query.limit ?? 50))
  const { conditions, values } = filters(query)
  const [counted] = await database.read(
    `select cast(count(*) as integer) as total from events f ${where(conditions)}`,
    values,
  )
  const after = query.after === undefined ? undefined : placeOf(query.after)
  const rows = await database.read(
    `select p.run, p.workflow, p.at, ${columns.join(', ')} from (
       select f.run, f.workflow, f.at from events f
       ${where([...conditions, ...(after === undefined ? [] : ['(f.at, f.run) < (?, ?)'])])}
       order by f.at desc, f.run desc limit ?
     ) p order by p.at desc, p.run desc`,
    [...values, ...(after ?? []), limit + 1],
  )
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return {
    runs: shown.map(runRow),
    total: counted === undefined ? 0 : number(counted, 'total'),
    ...(rows.length > limit && last !== undefined ? { next: tokenOf(last) } : {}),
  }
}

/** What is looked up for the runs of the page only. */
const columns = [
  '(select max(m.seq) from events m where m.run = p.run) as events',
  `(select b.text from events b where b.words is not null and b.run = p.run and b.name = 'run.began'
    order by b.seq limit 1) as began`,
  `(select e.text from events e where e.words is not null and e.run = p.run and e.name = 'run.ended'
    order by e.seq desc limit 1) as ended`,
  `(select s.seq from checkpoints s where s.run = p.run and s.kind = 'sealed' order by s.n desc limit 1) as sealed`,
  `(select h.text from checkpoints h where h.run = p.run and h.kind in ('held', 'released')
    order by h.n desc limit 1) as hold`,
] as const

interface Filters {
  readonly conditions: readonly string[]
  readonly values: readonly Value[]
}

/** Sets of runs, each made once, and not a look a run: quick also where most runs match. */
function filters(query: RunQuery): Filters {
  const { run, cluster, runbook, person, outcome, sinceMs, untilMs, text: sought } = query
  const listed = 'f.run in (select x.run from events x where x.words is not null and'
  const ended = 'select x.run from events x where x.words is not null and x.outcome is not null'
  const words =
    sought === undefined ? undefined : `%${sought.toLowerCase().replaceAll(/[\\%_]/g, String.raw`\$&`)}%`
  const all: readonly (readonly [string, ...(Value | undefined)[]])[] = [
    ['(f.run = ? or f.workflow = ?)', run, run],
    [`${listed} x.cluster = ?)`, cluster],
    [`${listed} x.runbook = ?)`, runbook],
    ['f.run in (select x.run from events x where x.person = ?)', person],
    outcome === 'open' ? [`f.run not in (${ended})`] : [`${listed} x.outcome = ?)`, outcome],
    ['f.at >= ?', sinceMs === undefined ? undefined : new Date(sinceMs).toISOString()],
    ['f.at < ?', untilMs === undefined ? undefined : new Date(untilMs).toISOString()],
    [String.raw`(${listed} x.words like ? escape '\') or lower(f.workflow) like ? escape '\')`, words, words],
  ]
  const given = all.flatMap(([condition, ...values]) => {
    const known = values.filter((value) => value !== undefined)
    return known.length === values.length ? [{ condition, values: known }] : []
  })
  return {
    conditions: ['f.seq = 1', ...given.map(({ condition }) => condition)],
    values: given.flatMap(({ values }) => values),
  }
}

function where(conditions: readonly string[]): string {
  return `where ${conditions.join(' and ')}`
}

function tokenOf(row: Row): string {
  return Buffer.from(JSON.stringify([text(row, 'at'), text(row, 'run')])).toString('base64url')
}

function placeOf(token: string): readonly [string, string] {
  try {
    const place: unknown = JSON.parse(Buffer.from(token, 'base64url').toString())
    if (Array.isArray(place) && typeof place[0] === 'string' && typeof place[1] === 'string')
      return [place[0], place[1]]
  } catch {
    // Said below.
  }
  throw new StoreError(`"${token}" is no place in the list of runs: give what the page before said.`)
}

function runRow(row: Row): RunRow {
  const began = eventIn(row['began'])
  const ended = eventIn(row['ended'])
  const hold = checkpointIn(row['hold'])
  return {
    run: text(row, 'run'),
    workflow: text(row, 'workflow'),
    beganMs: Date.parse(text(row, 'at')),
    ...(began?.name === 'run.began' ? { began: began.data } : {}),
    ...(ended?.name === 'run.ended' ? { ended: ended.data } : {}),
    events: number(row, 'events'),
    sealed: row['sealed'] === null ? 0 : number(row, 'sealed'),
    ...(hold?.kind === 'held' ? { hold: hold.reason ?? '' } : {}),
  }
}

// Written by us; verification says if it is not.
/* oxlint-disable typescript/no-unsafe-type-assertion */

function eventIn(kept: Value | undefined): AuditEvent | undefined {
  return typeof kept === 'string' ? (JSON.parse(kept) as AuditEvent) : undefined
}

function checkpointIn(kept: Value | undefined): Checkpoint | undefined {
  return typeof kept === 'string' ? (JSON.parse(kept) as Checkpoint) : undefined
}
