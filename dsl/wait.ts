/** A month: a run holds its cluster's lock all the while. */
export const longestWaitMs = 31 * 86_400_000
