/**
 * What a host printed, so that it can be looked at: whatever is not seen, moves the cursor, turns the direction of
 * writing or breaks a line where none is expected is shown by its number instead. Line feeds and tabs stay.
 */
export const visible = (text: string): string =>
  text
    .replace(/\r\n/g, '\n')
    .replace(
      unseen,
      (found) => `‹${(found.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(2, '0')}›`,
    )

/** The same on one line. */
export const oneLine = (text: string): string => visible(text.replace(/[\t\r\n]+/g, ' '))

/**
 * Controls, what only formats (joiners, marks and overrides of direction, tags), line and paragraph separators,
 * halves of surrogate pairs, private use, what is no character; and blanks that look like nothing.
 */
const unseen =
  /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Noncharacter_Code_Point}\u{115f}\u{1160}\u{2800}\u{3164}\u{ffa0}](?<![\n\t])/gu

/** At most so many characters, with a word on how many more there are. */
export function shortened(text: string, most: number): string {
  if (text.length <= most) return text
  return `${text.slice(0, most).replace(/[\u{d800}-\u{dbff}]$/u, '')} … (${text.length - most} more characters)`
}
