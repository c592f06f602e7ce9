/**
 * People are known by what doors call them: `ada`, or `ada@laptop`. The same name before the `@` is taken for
 * the same person, whatever follows: two machines do not make two people.
 */
export function isSamePerson(one: string, other: string): boolean {
  return personOf(one) === personOf(other)
}

/** Whether a person stands in a list of names: `ada` means ada from anywhere, `ada@laptop` only from there. */
export function isAmong(person: string, names: readonly string[]): boolean {
  const whole = person.toLowerCase()
  return names.some((name) => name.toLowerCase() === whole || name.toLowerCase() === personOf(person))
}

const personOf = (name: string): string => name.toLowerCase().replace(/@.*$/, '').trim()
