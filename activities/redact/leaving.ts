import { secrets } from './secrets.ts'

/** Runs something for somebody outside of this process: no secret is in what it answers, or in what it throws. */
export async function leaving<Answer>(work: () => Promise<Answer>): Promise<Answer> {
  try {
    const answer = await work()
    return typeof answer === 'object' && answer !== null ? secrets.json(answer) : answer
  } catch (error) {
    throw withoutSecrets(error)
  }
}

/** The same error, of the same class, with its texts and those of its causes redacted. */
export function withoutSecrets(error: unknown): unknown {
  const seen = new Set<unknown>()
  for (let at = error; at instanceof Error && !seen.has(at); at = at.cause) {
    seen.add(at)
    redactError(at)
  }
  return error
}

function redactError(error: Error & { readonly details?: unknown; readonly errors?: unknown }): void {
  put(error, 'message', secrets.text(error.message))
  if (error.stack !== undefined) put(error, 'stack', secrets.text(error.stack))
  if (Array.isArray(error.details)) put(error, 'details', secrets.json(error.details))
  if (Array.isArray(error.errors)) error.errors.forEach((one) => withoutSecrets(one))
}

/** Also where a class has made the field its own, or read-only. */
function put(error: Error, field: string, value: unknown): void {
  Object.defineProperty(error, field, { value, configurable: true, writable: true, enumerable: false })
}
