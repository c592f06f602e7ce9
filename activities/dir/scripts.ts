/**
 * Renames a directory beside itself, or says on stderr why not. Both names lie in one directory, so a rename is
 * atomic; a mount point or a link in between would make it something else.
 */
const renaming = String.raw`
fail() { echo "$1" >&2; exit 80; }
mount_of() { df -P "$1" | awk 'NR > 1 { print $NF; exit }'; }
movable() {
  [ -e "$1" ] || fail "there is no $1"
  [ ! -L "$1" ] || fail "$1 is a symbolic link: give the inventory the directory it points to"
  [ -d "$1" ] || fail "$1 is not a directory"
  [ "$(mount_of "$1")" = "$(mount_of "$(dirname "$1")")" ] ||
    fail "$1 is the mount point of a file system of its own and cannot be renamed: use a directory below it as data directory"
}
free() {
  [ -e "$1" ] || [ -L "$1" ] || return 0
  rmdir "$1" 2>/dev/null || fail "$1 exists already and is not empty"
}
`

/** Arguments: data directory, prefix of the new name, a file that ends with it or none. Prints the new name. */
export const setAsideScript = `${renaming}
movable "$1"
aside=$2$(date -u +%Y%m%dT%H%M%SZ)
free "$aside"
[ $# -lt 3 ] || rm -f -- "$3" || exit 81
mv "$1" "$aside" || exit 81
printf '%s\\n' "$aside"
`

/** Arguments: from, to. */
export const renameScript = `${renaming}
movable "$1"
free "$2"
mv "$1" "$2" || exit 81
`

/** As `renameScript`, for a copy: one that is not proven whole stays where it is. */
export const activateScript = `${renaming}
movable "$1"
[ ! -e "$1/.quorate-incoming" ] || fail "the copy in $1 was never proven whole: copy it again, exactly"
free "$2"
mv "$1" "$2" || exit 81
`

/** Argument: a directory. Prints a digest a file, sorted by name: `DIGEST  ./NAME`. */
export const digestsScript = String.raw`
cd -- "$1" || exit 1
if command -v sha256sum >/dev/null 2>&1; then digest='sha256sum'
elif command -v shasum >/dev/null 2>&1; then digest='shasum -a 256'
else digest='openssl dgst -sha256 -r'; fi
find . -type f -exec $digest {} + | LC_ALL=C sort -k 2
`
