/** Minor versions between the lowest and the highest of some versions of etcd 3; 0 for none. */
export function minorSkew(versions: readonly string[]): number {
  const minors = versions.map(minorOf)
  return minors.length === 0 ? 0 : Math.max(...minors) - Math.min(...minors)
}

/** The lowest of some versions; "" for none. */
export function oldest(versions: readonly string[]): string {
  return versions.toSorted(compareVersions)[0] ?? ''
}

/** The highest of some versions; "" for none. */
export function newest(versions: readonly string[]): string {
  return versions.toSorted(compareVersions).at(-1) ?? ''
}

/** Negative when `a` is older. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [numbersOf(a), numbersOf(b)]
  const at = left.findIndex((number, index) => number !== right[index])
  return at < 0 ? 0 : (left[at] ?? 0) - (right[at] ?? 0)
}

/** The 6 of 3.6.16. */
export function minorOf(version: string): number {
  return numbersOf(version)[1] ?? 0
}

/** `3.6.16-rc.1` counts as 3.6.16. */
function numbersOf(version: string): readonly number[] {
  const [, ...parts] = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version) ?? []
  return [0, 1, 2].map((index) => Number(parts[index] ?? 0))
}
