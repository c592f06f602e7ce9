import type { AuditEvent } from './event.ts'
import { type Database, number, type Row, text, type Value } from './sql.ts'
import { type RunPage, type RunQuery, type RunRow, StoreError } from './store.ts'

/**
 * A page of runs, newest first. All of it comes from the events: a run is where an event is the first, it began
 * with the first `run.began` (or `run.refused`) and ended with the last `run.ended`.
 */
export async function runsPage(database: Database, query: RunQuery): Promise<RunPage> {
  const limit = Math.max(1, Math.trunc(query.limit ?? 50))
  const { conditions, values } = filters(query)
  const [counted] = await database.read(
    `select cast(count(*) as integer) as total ${listed} ${where(conditions)}`,
    values,
  )
  const after = query.after === undefined ? undefined : placeOf(query.after)
  const rows = await database.read(
    `select f.run, f.workflow, coalesce(b.at, f.at) as began_at, b.seq as began_seq, e.seq as ended_seq
     ${listed} ${where([...conditions, ...(after === undefined ? [] : ['(coalesce(b.at, f.at), f.run) < (?, ?)'])])}
     order by coalesce(b.at, f.at) desc, f.run desc limit ?`,
    [...values, ...(after ?? []), limit + 1],
  )
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return {
    runs: await Promise.all(shown.map((row) => runRow(database, row))),
    total: counted === undefined ? 0 : number(counted, 'total'),
    ...(rows.length > limit && last !== undefined ? { next: tokenOf(last) } : {}),
  }
}

const listed = `
  from events f
  left join events b on b.words is not null and b.run = f.run and b.seq = (
    select min(seq) from events
    where words is not null and run = f.run and name in ('run.began', 'run.refused'))
  left join events e on e.words is not null and e.run = f.run and e.name = 'run.ended' and e.seq = (
    select max(seq) from events where words is not null and run = f.run and name = 'run.ended')`

interface Filters {
  readonly conditions: readonly string[]
  readonly values: readonly Value[]
}

function filters(query: RunQuery): Filters {
  const { run, cluster, runbook, person, outcome, sinceMs, untilMs, text: sought } = query
  const began = 'coalesce(b.at, f.at)'
  const words = sought === undefined ? '' : `%${sought.toLowerCase().replaceAll(/[\\%_]/g, String.raw`\$&`)}%`
  const all: readonly (readonly [string, ...(Value | undefined)[]])[] = [
    ['(f.run = ? or f.workflow = ?)', run, run],
    ['b.cluster = ?', cluster],
    ['b.runbook = ?', runbook],
    ['exists (select 1 from events p where p.run = f.run and p.person = ?)', person],
    outcome === 'open' ? ['e.seq is null'] : ['e.outcome = ?', outcome],
    [`${began} >= ?`, sinceMs === undefined ? undefined : new Date(sinceMs).toISOString()],
    [`${began} < ?`, untilMs === undefined ? undefined : new Date(untilMs).toISOString()],
    [
      String.raw`(b.words like ? escape '\' or e.words like ? escape '\' or lower(f.workflow) like ? escape '\')`,
      ...(sought === undefined ? [undefined] : [words, words, words]),
    ],
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
  return Buffer.from(JSON.stringify([text(row, 'began_at'), text(row, 'run')])).toString('base64url')
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

async function runRow(database: Database, row: Row): Promise<RunRow> {
  const run = text(row, 'run')
  const [events] = await database.read('select max(seq) as seq from events where run = ?', [run])
  const sealed = await database.read(
    `select seq from checkpoints where run = ? and kind = 'sealed' order by n desc limit 1`,
    [run],
  )
  const [hold] = await database.read(
    `select kind, text from checkpoints where run = ? and kind in ('held', 'released') order by n desc limit 1`,
    [run],
  )
  const began = await eventAt(database, run, row['began_seq'])
  const ended = await eventAt(database, run, row['ended_seq'])
  return {
    run,
    workflow: text(row, 'workflow'),
    beganMs: Date.parse(text(row, 'began_at')),
    ...(began?.name === 'run.began' ? { began: began.data } : {}),
    ...(ended?.name === 'run.ended' ? { ended: ended.data } : {}),
    events: events === undefined ? 0 : number(events, 'seq'),
    sealed: sealed[0] === undefined ? 0 : number(sealed[0], 'seq'),
    ...(hold !== undefined && hold['kind'] === 'held' ? { hold: reasonOf(text(hold, 'text')) } : {}),
  }
}

async function eventAt(
  database: Database,
  run: string,
  seq: Value | undefined,
): Promise<AuditEvent | undefined> {
  if (typeof seq !== 'number') return undefined
  const [row] = await database.read('select text from events where run = ? and seq = ?', [run, seq])
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by us; verification says if it is not
  return row === undefined ? undefined : (JSON.parse(text(row, 'text')) as AuditEvent)
}

function reasonOf(kept: string): string {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
  return (JSON.parse(kept) as { readonly reason?: string }).reason ?? ''
}
