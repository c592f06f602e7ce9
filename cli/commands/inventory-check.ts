import { nearest } from '../../dsl/near.ts'
import { type Command, UsageError } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { inventoryFile } from '../inventory-file.ts'
import { wrapped } from '../terminal.ts'

export const inventoryCheck: Command = {
  name: 'inventory check',
  usage: '[CLUSTER] [--inventory FILE]',
  summary: 'ask every host and member, and say what differs from the inventory',
  details: `The inventory is the one given, QUORATE_INVENTORY, the one of a running \`quorate up\`, or inventory.yaml here.
Nothing is changed. Exit code 1 when something differs, 2 when the file itself is wrong.`,
  flags: { inventory: { type: 'string', value: 'FILE', help: 'the inventory to check' } },
  positionals: { min: 0, max: 1 },
  async run({ positionals, flags, terminal, environment }) {
    const file = inventoryFile(flags.text('inventory'), environment)
    const { loadInventory } = await import('../../worker/inventory.ts')
    const inventory = await loadInventory(file)
    const clusters = chosen(Object.keys(inventory.clusters), positionals[0])
    const { createEnvironment } = await import('../../activities/environment.ts')
    const { checkInventory } = await import('../../activities/inventory/check.ts')
    const { unrecorded } = await import('../../activities/record.ts')
    const { leaving } = await import('../../activities/redact/leaving.ts')
    const asking = createEnvironment({ loadInventory: () => Promise.resolve(inventory), record: unrecorded })
    try {
      const differences = (
        await leaving(() => Promise.all(clusters.map((cluster) => checkInventory(asking, cluster))))
      ).flat()
      if (flags.on('json')) terminal.out(JSON.stringify({ inventory: file, clusters, differences }, null, 2))
      else if (differences.length === 0)
        terminal.out(
          `${file}: ${clusters.join(', ')} ${clusters.length === 1 ? 'is' : 'are'} as the inventory says.`,
        )
      else {
        const { columns } = terminal.size()
        for (const { where, expected, seen, hint } of differences) {
          wrapped(
            `${where}: expected ${expected}; ${seen}${hint === '' ? '' : `. ${hint}`}`,
            columns,
          ).forEach((line) => terminal.out(line))
        }
      }
      return differences.length === 0 ? exitCodes.done : exitCodes.failed
    } finally {
      await asking.close()
    }
  },
}

function chosen(clusters: readonly string[], name: string | undefined): readonly string[] {
  if (name === undefined) return clusters
  if (clusters.includes(name)) return [name]
  const near = nearest(name, clusters)
  throw new UsageError(
    `The inventory has no cluster "${name}"; ${near === undefined ? `it has ${clusters.join(', ')}` : `did you mean "${near}"?`}`,
  )
}
