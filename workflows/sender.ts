import type { WorkflowInterceptors } from '@temporalio/workflow'

/** Who sent an update, as Temporal's history has it. A class, so that no argument of an update can pass for one. */
export class Sender {
  readonly update: string
  /** What the client that sent it calls itself: `4711@laptop` by default; a server may put a login there. */
  readonly identity: string | undefined

  constructor(update: string, identity: string | undefined) {
    this.update = update
    this.identity = identity
  }
}

/**
 * The SDK keeps an update's sender to itself, so it is read off the activation and handed to the handlers as
 * their second argument, in place of whatever a client put there. Listed as an interceptor module wherever
 * workflows are bundled; without it the sender is unknown and nothing else changes.
 */
export function interceptors(): WorkflowInterceptors {
  const identities = new Map<string, string>()
  return {
    internals: [
      {
        activate(input, next) {
          for (const { doUpdate } of input.activation.jobs ?? []) {
            if (doUpdate?.id && doUpdate.meta?.identity) identities.set(doUpdate.id, doUpdate.meta.identity)
          }
          next(input)
        },
      },
    ],
    inbound: [
      {
        async handleUpdate(input, next) {
          const sender = new Sender(input.updateId, identities.get(input.updateId))
          identities.delete(input.updateId)
          return next({ ...input, args: [input.args[0], sender] })
        },
      },
    ],
  }
}
