import { type Command } from '../command.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { homeDirectory, readUp } from '../home.ts'
import { inventoryFile } from '../inventory-file.ts'

export const worker: Command = {
  name: 'worker',
  usage: '[--inventory FILE]',
  summary: 'run a worker until Ctrl-C',
  details: `It takes runs from the task queue "quorate" at TEMPORAL_ADDRESS (all settings of Temporal's tools hold).
QUORATE_INVENTORY names the inventory, QUORATE_RUNBOOKS more directories with runbooks, QUORATE_POLICY who
may decide, QUORATE_STATE where the record of runs is kept, QUORATE_AUDIT another place for it, QUORATE_NOTIFY
where notices go, QUORATE_TEMPORAL_UI the UI that they link to. Without settings it joins a running \`quorate up\`.`,
  flags: { inventory: { type: 'string', value: 'FILE', help: 'instead of QUORATE_INVENTORY' } },
  positionals: { min: 0, max: 0 },
  async run({ flags, environment }) {
    const up = readUp(homeDirectory(environment))
    const { runWorker } = await import('../../worker/main.ts')
    const code = await runWorker({
      ...(up === undefined
        ? {}
        : {
            ...{ TEMPORAL_ADDRESS: up.address, TEMPORAL_NAMESPACE: up.namespace, QUORATE_STATE: up.state },
            QUORATE_TEMPORAL_UI: up.uiUrl,
          }),
      ...environment,
      QUORATE_INVENTORY: inventoryFile(flags.text('inventory'), environment),
    })
    return knownCode(code)
  },
}

const knownCode = (code: number): ExitCode =>
  Object.values(exitCodes).find((known) => known === code) ?? exitCodes.failed
