/** Where a Temporal UI shows runs: its address (`http://localhost:8233`) and the namespace. */
export interface UiNamespace {
  readonly base: string
  readonly namespace: string
}

/** The page of all runs in the Temporal UI (2.54); that of one is below it. */
export const runsPage = ({ base, namespace }: UiNamespace): string =>
  `${base.replace(/\/+$/, '')}/namespaces/${encodeURIComponent(namespace)}/workflows`

/** The page of a run. */
export const runPage = (ui: UiNamespace, id: string): string => `${runsPage(ui)}/${encodeURIComponent(id)}`

/** Where the UI of a server is, when that follows from its address: Temporal Cloud's. */
export function cloudUi(address: string): string | undefined {
  return /\.(tmprl\.cloud|api\.temporal\.io)(:\d+)?$/.test(address) ? 'https://cloud.temporal.io' : undefined
}
