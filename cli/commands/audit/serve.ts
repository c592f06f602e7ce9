import { once } from 'node:events'
import { codeOf } from '../../../audit/failure.ts'
import { type Command, UsageError } from '../../command.ts'
import { exitCodes } from '../../exit-codes.ts'
import { homeDirectory, readUp } from '../../home.ts'
import { onInterrupt } from '../../interrupt.ts'
import { recordFlag, withRecord } from '../../record.ts'
import { trustFlags, trustOf } from './verify.ts'

export const serve: Command = {
  name: 'audit serve',
  usage: '[--port N] [--host ADDRESS --name NAME] [--key FILE] [--anchors FILE]',
  summary: 'serve the record as pages to look at, until Ctrl-C',
  details: `Nothing can be changed there. It listens on this machine alone, and asks nobody who they are: whoever reaches it
reads it. To show it to others put what knows them in front (a reverse proxy), with --name for the name it is called by.`,
  flags: {
    port: { type: 'string', value: 'N', help: 'default 8234; 0 for any that is free' },
    host: { type: 'string', value: 'ADDRESS', help: 'listen there instead of 127.0.0.1' },
    name: {
      type: 'string',
      multiple: true,
      value: 'NAME',
      help: 'a name it may be called by, beside addresses and localhost',
    },
    ...trustFlags,
    ...recordFlag,
  },
  positionals: { min: 0, max: 0 },
  async run(invocation) {
    const { flags, terminal, environment } = invocation
    const port = Number(flags.text('port') ?? 8234)
    if (!Number.isInteger(port) || port < 0 || port > 65_535)
      throw new UsageError('--port needs a number up to 65535.')
    const host = flags.text('host')
    const verify = await trustOf(flags)
    const up = readUp(homeDirectory(environment))
    return withRecord(invocation, async (store) => {
      const { serveSite } = await import('../../../audit/site/serve.ts')
      const site = await serveSite({
        ...{ store, port, verify, names: flags.texts('name'), log: terminal.err },
        ...(host === undefined ? {} : { host }),
        ...(up === undefined ? {} : { ui: { base: up.uiUrl, namespace: up.namespace } }),
      }).catch((error: unknown) => {
        throw explained(error, port)
      })
      terminal.out(flags.on('json') ? JSON.stringify({ url: site.url }) : `The record: ${site.url}`)
      const interrupt = onInterrupt()
      if (!interrupt.signal.aborted) await once(interrupt.signal, 'abort')
      interrupt.release()
      await site.close()
      return exitCodes.done
    })
  },
}

function explained(error: unknown, port: number): unknown {
  const code = codeOf(error)
  if (code === 'EADDRINUSE')
    return new UsageError(`Port ${port} is taken: give another, or --port 0 for any.`)
  if (code === 'EACCES') return new UsageError(`Port ${port} may not be listened on: give one above 1023.`)
  if (code === 'EADDRNOTAVAIL') return new UsageError('--host is no address of this machine.')
  return error
}
