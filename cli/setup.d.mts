/** Leaves the package installed and built; throws one sentence for people when it cannot be. */
export function makeReady(root?: string, say?: (line: string) => void): Promise<void>
export function needsInstall(root: string): boolean
export function needsBuild(root: string): boolean
