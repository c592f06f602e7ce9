import { type FlagSpec, UsageError } from './command.ts'

/** How the inputs of a run are given, wherever one is described. */
export const inputFlags = {
  cluster: { type: 'string', short: 'c', value: 'CLUSTER', help: 'short for --input cluster=CLUSTER' },
  input: {
    type: 'string',
    short: 'i',
    multiple: true,
    value: 'NAME=VALUE',
    help: 'an input; may be repeated',
  },
} as const satisfies Readonly<Record<string, FlagSpec>>

/** `NAME=VALUE` texts as one object. `--cluster C` is `cluster=C`. Values stay texts: the runbook gives them types. */
export function readInputs(
  texts: readonly string[],
  cluster: string | undefined,
): Readonly<Record<string, string>> {
  const inputs = new Map<string, string>(cluster === undefined ? [] : [['cluster', cluster]])
  for (const text of texts) {
    const at = text.indexOf('=')
    if (at <= 0) throw new UsageError(`--input ${text} is not NAME=VALUE.`)
    const name = text.slice(0, at).trim()
    const value = text.slice(at + 1)
    if (inputs.has(name) && inputs.get(name) !== value) {
      throw new UsageError(`The input ${name} is given twice: ${inputs.get(name)} and ${value}.`)
    }
    inputs.set(name, value)
  }
  return Object.fromEntries(inputs)
}
