import type { ActionContext } from '../action.ts'

/** Names a remote job: the same for every attempt at one step of one run, and for nothing else. */
export function jobKey(context: Pick<ActionContext, 'run' | 'step'>, part?: string): string {
  return [context.run.key, context.step, ...(part ? [part] : [])].join('.')
}
