import type { NativeConnection } from '@temporalio/worker'

/** `INDEXED_VALUE_TYPE_KEYWORD` of Temporal's API, temporal/api/enums/v1/common.proto. */
const keyword = 2

const names = ['QuorateCluster', 'QuorateRunbook', 'QuorateState', 'QuorateBy']

export interface SearchAttributes {
  /** Whether the server has all of them now. */
  known(): Promise<boolean>
  /** Makes those that are missing. Returns what a person has to do when that is not allowed. */
  register(): Promise<string | undefined>
}

/** What runs are found by in lists. They are wanted, not needed: a run goes without where they are missing. */
export function searchAttributes(connection: NativeConnection, namespace: string): SearchAttributes {
  let allThere = false
  const missing = async (): Promise<readonly string[]> => {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace })
    return names.filter((name) => Number(customAttributes?.[name]) !== keyword)
  }
  return {
    async known() {
      allThere ||= await missing().then(
        (list) => list.length === 0,
        () => false,
      )
      return allThere
    },
    async register() {
      try {
        const wanted = await missing()
        if (wanted.length === 0) return undefined
        const searchAttributes = Object.fromEntries(wanted.map((name) => [name, keyword]))
        await connection.operatorService.addSearchAttributes({ namespace, searchAttributes })
        return undefined
      } catch (error) {
        return advice(namespace, error)
      }
    },
  }
}

function advice(namespace: string, error: unknown): string {
  const flags = names.map((name) => `--name ${name} --type Keyword`).join(' ')
  const reason = error instanceof Error ? error.message : String(error)
  return (
    `Runs cannot be found by cluster, runbook, state or person yet: the search attributes are missing and could not be made (${reason}). ` +
    `Somebody who may can do it: temporal operator search-attribute create --namespace ${namespace} ${flags}`
  )
}
