/** Lets works go one after the other, in the order they came. */
export function turns() {
  let last: Promise<unknown> = Promise.resolve()
  return <Value>(work: () => Promise<Value>): Promise<Value> => {
    const mine = last.then(work)
    last = mine.catch(() => undefined)
    return mine
  }
}
