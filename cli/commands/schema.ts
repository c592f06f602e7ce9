import { nearest } from '../../dsl/near.ts'
import { type Command, UsageError } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'

export const schema: Command = {
  name: 'schema',
  usage: '[runbook|inventory]',
  summary: 'print the JSON Schema of runbooks or inventories, for editors',
  flags: {},
  positionals: { min: 0, max: 1 },
  async run({ positionals, terminal }) {
    const [what = 'runbook'] = positionals
    if (what !== 'runbook' && what !== 'inventory') {
      const near = nearest(what, ['runbook', 'inventory'])
      throw new UsageError(
        `There is no schema of "${what}"; ${near === undefined ? 'there is runbook and inventory' : `did you mean ${near}`}.`,
      )
    }
    const { catalogue } = await import('../../activities/catalogue.ts')
    const { inventoryJsonSchema, runbookJsonSchema } = await import('../../dsl/json-schema.ts')
    terminal.out(
      JSON.stringify(what === 'runbook' ? runbookJsonSchema(catalogue) : inventoryJsonSchema(), null, 2),
    )
    return exitCodes.done
  },
}
