/** What a command's exit code says (design, section 7). */
export const exitCodes = {
  done: 0,
  /** The run failed, was rolled back, aborted or cancelled; or the command itself failed. */
  failed: 1,
  /** Wrong usage or input: nothing was started or changed. */
  usage: 2,
  /** The run waits for a person. */
  waiting: 3,
  /** Temporal or a worker does not answer. */
  unreachable: 4,
  /** Another run holds the cluster's lock. */
  locked: 5,
  /** Ended by Ctrl-C, as shells count it. */
  interrupted: 130,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]
