/** What a thrown thing says. By its shape: in tests, errors of Node are of another realm's class. */
export function messageOf(error: unknown): string {
  const { message } = shapeOf(error)
  return typeof message === 'string' ? message : String(error)
}

/** Such as `ENOENT` or `SQLITE_BUSY`; "" when it has none. */
export function codeOf(error: unknown): string {
  const { code } = shapeOf(error)
  return typeof code === 'string' ? code : ''
}

function shapeOf(error: unknown): { readonly message?: unknown; readonly code?: unknown } {
  return typeof error === 'object' && error !== null ? error : {}
}
