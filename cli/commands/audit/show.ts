import { describe } from '../../../audit/describe.ts'
import type { AuditEvent } from '../../../audit/event.ts'
import type { Command } from '../../command.ts'
import { exitCodes } from '../../exit-codes.ts'
import { findRecorded, recordFlag, withRecord } from '../../record.ts'
import { plainLine, styled } from '../../terminal.ts'

export const show: Command = {
  name: 'audit show',
  usage: 'RUN [--all]',
  summary: 'show the events on record of a run, a line each',
  details:
    'RUN is an id or a part of one. An intent whose outcome is on record is left out, unless --all. --json prints the\nevents as they were hashed, one a line.',
  flags: {
    all: { type: 'boolean', help: 'every event, also what was about to be done and then was' },
    ...recordFlag,
  },
  positionals: { min: 1, max: 1 },
  run: (invocation) =>
    withRecord(invocation, async (store) => {
      const { flags, terminal, positionals } = invocation
      const { run } = await findRecorded(store, positionals[0] ?? '')
      if (flags.on('json')) {
        for await (const { text } of store.events(run)) terminal.out(text)
        return exitCodes.done
      }
      const begun: AuditEvent[] = []
      const line = (event: AuditEvent): void => terminal.out(lineOf(event, terminal.colour))
      for await (const { event } of store.events(run)) {
        if (flags.on('all') || !event.name.endsWith('.begun')) {
          const at = begun.findIndex((one) => endsWith(one, event))
          if (at >= 0) begun.splice(at, 1)
          line(event)
        } else begun.push(event)
      }
      if (begun.length > 0) {
        terminal.out('')
        terminal.out('Begun, and no end is on record:')
        begun.forEach(line)
      }
      return exitCodes.done
    }),
}

/** Intents and outcomes share all of their id but its last part. */
function endsWith(begun: AuditEvent, event: AuditEvent): boolean {
  return stem(begun.id) === stem(event.id) && begun.name.split('.')[0] === event.name.split('.')[0]
}

const stem = (id: string): string => id.slice(0, id.lastIndexOf('/'))

function lineOf(event: AuditEvent, colour: boolean): string {
  const time = styled(event.at.slice(0, 23).replace('T', ' '), 'dim', colour)
  const text = plainLine(describe(event))
  const bad = /\.(failed|unknown|refused|overridden|bypassed|unanswered)$/.test(event.name)
  return `${time}  ${bad ? styled(text, event.name.endsWith('failed') ? 'red' : 'yellow', colour) : text}`
}
