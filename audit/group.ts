/** Calls that come while one is under way, or in the same tick, go together into the next. */
export interface Group<Item> {
  add(item: Item): Promise<void>
  /** Resolves when nothing is waiting any more. */
  idle(): Promise<void>
}

/**
 * `perform` does many at once. When it throws for several, each is done alone, so that one that cannot be done
 * does not stop the others.
 */
export function createGroup<Item>(
  perform: (items: readonly Item[]) => Promise<void>,
  most: number,
): Group<Item> {
  interface Waiting {
    readonly item: Item
    readonly done: () => void
    readonly failed: (error: unknown) => void
  }
  const waiting: Waiting[] = []
  let working: Promise<void> | undefined

  const together = async (some: readonly Waiting[]): Promise<void> => {
    try {
      await perform(some.map(({ item }) => item))
      for (const { done } of some) done()
    } catch (error) {
      if (some.length === 1) for (const { failed } of some) failed(error)
      else for (const one of some) await together([one])
    }
  }

  const work = async (): Promise<void> => {
    // Lets the others of this tick come first.
    await Promise.resolve()
    while (waiting.length > 0) await together(waiting.splice(0, most))
    working = undefined
  }

  return {
    add: (item) =>
      new Promise((done, failed) => {
        waiting.push({ item, done, failed })
        working ??= work()
      }),
    idle: async () => working,
  }
}
