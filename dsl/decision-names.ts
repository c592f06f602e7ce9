/** All that a person can decide about a run, in the order in which it is offered. */
export const decisionNames = [
  'approve',
  'reject',
  'confirm',
  'retry',
  'skip',
  'rollback',
  'abort',
  'pause',
  'resume',
] as const

export type DecisionName = (typeof decisionNames)[number]
