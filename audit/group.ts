/** Calls that come while one is under way, or in the same tick, go together into the next. */
export interface Group<Item> {
  add(item: Item): Promise<void>
  /** Resolves when nothing is waiting any more. */
  idle(): Promise<void>
}

export interface GroupOptions<Item> {
  /** Does many at once, or none of them. */
  readonly perform: (items: readonly Item[]) => Promise<void>
  /** At most how many. */
  readonly most: number
  /** Whether an error comes from what one of them asked for: then each is done alone, and only that one fails. */
  readonly isOfOne: (error: unknown) => boolean
}

export function createGroup<Item>({ perform, most, isOfOne }: GroupOptions<Item>): Group<Item> {
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
      if (some.length === 1 || !isOfOne(error)) for (const { failed } of some) failed(error)
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
