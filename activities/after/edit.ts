import type { ActionContext } from '../action.ts'
import { ActionError } from '../failure.ts'
import type { EditedText } from './haproxy-config.ts'
import { readHostFile, replaceHostFile, type Replacement } from './host-file.ts'
import type { ChangeOnHost } from './outcome.ts'

export interface Edit extends Omit<Replacement, 'text' | 'former'> {
  /** What the file is to be; "" is given where there is none and `create` is set. */
  readonly edit: (text: string) => EditedText
  /** Makes the file where there is none; without it that is an error. */
  readonly create?: boolean
}

/**
 * Edits a file on a host and has it loaded; does nothing where it is as it should be and was loaded.
 * Throws `ActionError` when it cannot be edited, or what `replaceHostFile` throws.
 */
export async function editHostFile(context: ActionContext, asked: Edit): Promise<ChangeOnHost> {
  const { host, path, create = false } = asked
  const { text, unloaded } = await readHostFile(context.host(host), asked)
  if (text === undefined && !create)
    throw new ActionError(
      `There is no ${path} on ${host}: correct it in the inventory, under \`after\`, or take it out there.`,
    )
  const edited = asked.edit(text ?? '')
  if (!edited.ok)
    throw new ActionError(
      `${path} on ${host} was left as it is: ${edited.message}. Correct the file or the inventory, then retry.`,
    )
  const changed = edited.text !== (text ?? '')
  if (changed || unloaded) await replaceHostFile(context, { ...asked, text: edited.text, former: text ?? '' })
  const note = changed || !unloaded ? '' : 'It was loaded, which an earlier try had not come to.'
  return { host, path, changed, note }
}
