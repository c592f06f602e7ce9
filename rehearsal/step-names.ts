import type { Program, Step } from '../dsl/program.ts'

/**
 * How a test names a step: by its id (`stop`), with those around it where that is needed (`members/stop`), and
 * with the iteration where only one is meant (`members[etcd-1]/stop`).
 */

/** Whether a step's path in a run (or its key in the program) is one that the name means. */
export function meansStep(name: string, path: string): boolean {
  const wanted = segments(name)
  const own = segments(path).slice(-wanted.length)
  return own.length === wanted.length && wanted.every((part, index) => meansPart(part, own[index] ?? ''))
}

/** The more a name says, the larger. */
export function precision(name: string): number {
  return segments(name).reduce((sum, part) => sum + (part.includes('[') ? 3 : 2), 0)
}

/** The name without iterations, as keys in a program are. */
export const withoutIterations = (name: string): string => segments(name).map(bare).join('/')

/** All steps of a program, those of undos and of called runbooks too. */
export const stepsOf = ({ steps }: Program): readonly Step[] => stepsIn(steps)

/** Steps are known by what they are, wherever they hang: a new kind of step with steps in it is found as well. */
function stepsIn(value: unknown): readonly Step[] {
  if (Array.isArray(value)) return value.flatMap(stepsIn)
  if (typeof value !== 'object' || value === null) return []
  const inner = Object.values(value).flatMap(stepsIn)
  return isStep(value) ? [value, ...inner] : inner
}

const isStep = (value: object): value is Step => 'kind' in value && 'key' in value && 'onFailure' in value

const segments = (path: string): readonly string[] => path.split('/')

const bare = (segment: string): string => segment.replace(/\[.*\]$/, '')

const meansPart = (wanted: string, own: string): boolean =>
  wanted === own || (!wanted.includes('[') && wanted === bare(own))
