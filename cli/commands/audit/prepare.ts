import { type Command, UsageError } from '../../command.ts'
import { exitCodes } from '../../exit-codes.ts'

export const prepare: Command = {
  name: 'audit prepare',
  usage: 'URL --role ROLE',
  summary: 'make the tables of the record in a Postgres database',
  details: `URL is the database as its owner sees it: postgres://owner@db/quorate. ROLE, made where it is missing and then without
a password, may read and add, and nothing else: workers connect as it, QUORATE_AUDIT=postgres://ROLE@db/quorate.
It may be called again, for another role too. \`audit gc\` needs the owner's URL.`,
  flags: { role: { type: 'string', value: 'ROLE', help: 'as whom workers connect' } },
  positionals: { min: 1, max: 1 },
  async run({ positionals, flags, terminal }) {
    const [url = ''] = positionals
    const role = flags.text('role') ?? ''
    if (!/^postgres(ql)?:\/\//.test(url))
      throw new UsageError(`"${url}" is no database: write postgres://OWNER@HOST/DATABASE.`)
    if (role === '') throw new UsageError('--role is needed: as whom do workers connect?')
    const { preparePostgres } = await import('../../../audit/postgres.ts')
    await preparePostgres(url, role)
    terminal.out(
      flags.on('json')
        ? JSON.stringify({ role })
        : `The tables are there, and ${role} may read and add. Give workers QUORATE_AUDIT=postgres://${role}@….`,
    )
    return exitCodes.done
  },
}
