/**
 * What Temporal finds in the bundle. A workflow type that is exported here by name is that workflow (the
 * lock, a fleet, a plan); every other type is the name of a runbook, and reaches the default export.
 */
export { quorateFleet } from './fleet.ts'
export { quorateLock } from './lock.ts'
export { quoratePlan } from './plan-workflow.ts'
export { runWorkflow as default } from './run-workflow.ts'
