/** What a test expects to be said: a part of it, or a pattern between slashes. */

export function isSaid(expected: string, said: string): boolean {
  const pattern = patternOf(expected)
  return pattern === undefined ? said.includes(expected) : compiled(pattern).test(said)
}

/** Why a pattern cannot be one. */
export function patternProblem(expected: string): string | undefined {
  const pattern = patternOf(expected)
  if (pattern === undefined) return undefined
  try {
    compiled(pattern)
    return undefined
  } catch (error) {
    return `This is no pattern: ${error instanceof Error ? error.message : String(error)}.`
  }
}

const patternOf = (expected: string): string | undefined => /^\/(.+)\/$/s.exec(expected)?.[1]

const compiled = (pattern: string): RegExp => new RegExp(pattern, 'su')
