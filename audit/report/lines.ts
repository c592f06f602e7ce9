import { argvText } from '../../dsl/argv-text.ts'
import type { Json } from '../../dsl/program.ts'
import type { Call, MemberState } from './model.ts'

/** Parts of a report as one line of text, the same in every format. */

/** A value: text as it is, all else as JSON. */
export const compact = (value: Json | undefined): string =>
  value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value)

/** The entries of a map; nothing for any other value. */
export const entriesOf = (value: Json | undefined): readonly (readonly [string, Json])[] =>
  typeof value !== 'object' || value === null || Array.isArray(value) ? [] : Object.entries(value)

/** As a shell would be given it. */
export const commandText = ({ argv = [], call, request }: Call): string =>
  call === undefined
    ? argv
        .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`))
        .join(' ')
    : `${call} ${request === undefined ? '' : compact(request)}`.trim()

/** The same on one line: a script is said by its length, since all of it stands elsewhere. */
export const commandLine = (call: Call): string =>
  call.argv === undefined ? commandText(call) : argvText(call.argv)

/** A member as it was seen. */
export const memberText = (member: MemberState | undefined): string =>
  member === undefined
    ? 'not a member'
    : [
        member.host === '' ? 'no host of the inventory' : `on ${member.host}`,
        member.version,
        member.leads ? 'leads' : member.learner ? 'learner' : 'votes',
        member.healthy
          ? 'healthy'
          : member.serves
            ? `not healthy: ${member.why}`
            : `does not answer: ${member.why}`,
      ]
        .filter((part) => part !== '')
        .join(', ')
