/**
 * The candidate a person most likely meant, or nothing when none is near enough or several are as near.
 * Optimal string alignment distance (insert, delete, replace, swap of neighbours), letter case ignored.
 */
export function nearest(wanted: string, candidates: Iterable<string>): string | undefined {
  const lower = wanted.toLowerCase()
  let best: { readonly names: readonly string[]; readonly distance: number } = {
    names: [],
    distance: Infinity,
  }
  for (const name of new Set(candidates)) {
    const limit = Math.min(allowance(wanted, name), best.distance)
    const distance = alignment(lower, name.toLowerCase(), limit)
    if (distance > limit) continue
    best = { names: distance === best.distance ? [...best.names, name] : [name], distance }
  }
  return best.names.length === 1 ? best.names[0] : undefined
}

/** `Did you mean "x"?`, or what there is to choose from when nothing is near. */
export function suggest(wanted: string, candidates: Iterable<string>): string | undefined {
  const names = [...candidates]
  const near = nearest(wanted, names)
  if (near !== undefined) return `Did you mean "${near}"?`
  if (names.length === 0) return undefined
  return `There is ${listed(names, 12)}.`
}

/** `a, b and c`; after `most` names only how many more there are. */
export function listed(names: readonly string[], most = Infinity): string {
  if (names.length > most) return `${names.slice(0, most).join(', ')} and ${names.length - most} more`
  if (names.length < 2) return names.join('')
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

/** A third of the longer name may differ; one letter in short ones, four at most. */
function allowance(wanted: string, name: string): number {
  const longest = Math.max(wanted.length, name.length)
  return Math.min(4, Math.max(1, Math.floor(longest / 3)))
}

function alignment(from: string, to: string, limit: number): number {
  if (Math.abs(from.length - to.length) > limit) return Infinity
  let older: number[] = []
  let above = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      current.push(cell(from, to, row, column, above, current, older))
    }
    ;[older, above] = [above, current]
  }
  return above[to.length] ?? Infinity
}

function cell(
  from: string,
  to: string,
  row: number,
  column: number,
  above: readonly number[],
  current: readonly number[],
  older: readonly number[],
): number {
  const same = from[row - 1] === to[column - 1]
  const changed = Math.min(
    at(above, column) + 1,
    at(current, column - 1) + 1,
    at(above, column - 1) + (same ? 0 : 1),
  )
  const swapped =
    row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
  return swapped ? Math.min(changed, at(older, column - 2) + 1) : changed
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity
}
