import type { Catalogue, JsonSchema } from '../../dsl/action-spec.ts'
import { listed, nearest } from '../../dsl/near.ts'
import { type Command, UsageError } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { localRunbooks } from '../runbook-files.ts'

type SchemaOf = (catalogue: Catalogue, environment: NodeJS.ProcessEnv) => Promise<JsonSchema>

const schemas: Readonly<Record<string, SchemaOf>> = {
  runbook: async (catalogue, environment) => {
    const { runbookJsonSchema } = await import('../../dsl/json-schema.ts')
    const found = await localRunbooks(environment)
    const programs = found.flatMap(({ compiled }) => (compiled.ok ? [compiled.value] : []))
    return runbookJsonSchema(catalogue, programs)
  },
  test: async (catalogue) => (await import('../../rehearsal/test-json-schema.ts')).testJsonSchema(catalogue),
  inventory: async () => (await import('../../dsl/json-schema.ts')).inventoryJsonSchema(),
  policy: async () => (await import('../../dsl/json-schema.ts')).policyJsonSchema(),
}
const names = Object.keys(schemas)

export const schema: Command = {
  name: 'schema',
  usage: `[${names.join('|')}]`,
  summary: 'print the JSON Schema of runbooks, their tests, inventories or policies, for editors',
  details:
    'That of runbooks knows all actions, and the inputs of the runbooks that may be called: those that came with\nQuorate and those in QUORATE_RUNBOOKS.',
  flags: {},
  positionals: { min: 0, max: 1 },
  async run({ positionals, terminal, environment }) {
    const [what = 'runbook'] = positionals
    const schemaOf = Object.hasOwn(schemas, what) ? schemas[what] : undefined
    if (schemaOf === undefined) {
      const near = nearest(what, names)
      throw new UsageError(
        `There is no schema of "${what}"; ${near === undefined ? `there is ${listed(names)}` : `did you mean ${near}`}.`,
      )
    }
    const { catalogue } = await import('../../activities/catalogue.ts')
    terminal.out(JSON.stringify(await schemaOf(catalogue, environment), null, 2))
    return exitCodes.done
  },
}
