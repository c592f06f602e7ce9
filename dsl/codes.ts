/** Every code a problem can have, with what it means and what to do. `docs/errors.md` is made from it. */
export const codes = {
  FILE_TOO_BIG:
    'A file may have 256 KiB. It is looked at before anything is parsed. Split the runbook, or move what is not a runbook out of it.',
  NESTED_TOO_DEEP:
    'Lists and maps may be nested 64 deep. Deeper nesting is never needed and can bring a parser down, so it is refused before parsing.',
  YAML_SYNTAX:
    'The file is not YAML. The place is where the parser could not go on; the cause often stands a line above: a missing quote, a tab, an indentation that does not fit.',
  MORE_THAN_ONE_DOCUMENT:
    'A file holds one document. Remove the `---` line and what follows it, or make it a file of its own.',
  DUPLICATE_KEY:
    'A key stands twice in the same map. One of them would be lost in silence; remove or rename one.',
  KEY_NOT_TEXT: 'Keys are plain words. A list, a map or nothing at all cannot be a key.',
  FORBIDDEN_KEY:
    'The names `__proto__`, `constructor` and `prototype` are refused as keys: they mean something else to JavaScript.',
  ALIAS:
    'YAML aliases (`*name`) and merges (`<<`) are refused: they can grow a small file without bound and hide what a step does. Write the value out.',
  TAG: 'YAML tags (`!name`) are refused. Quote a value that must be text.',
  NUMBER:
    'A number that JSON cannot hold exactly: not finite, or a whole number beyond 2^53. Quote it if it is text.',
  EMPTY_FILE: 'There is nothing in the file but comments.',
  MISSING: 'A key that is needed is not there. The place is the map it is missing from.',
  UNKNOWN_KEY:
    'A key that means nothing here, often a misspelling. Unknown keys are errors, because a misspelt `timeout` that does nothing is worse than none.',
  WRONG_TYPE: 'A value is of another type than this key takes.',
  WRONG_VALUE: 'A value is of the right type but not one that may stand here.',
  STEP_KIND:
    'A step is exactly one of `uses`, `gate`, `assert`, `approve`, `call`, `forEach`, `manual`, `notify`, `parallel`, `set`, `steps` or `wait`. (`forEach` has its own `steps` inside.)',
  STEP_KEY: 'A key that exists, but not on this kind of step.',
  DUPLICATE_ID: 'Ids are unique in a whole runbook, undo steps included: `steps.ID` must mean one step.',
  NAME_TAKEN: 'A loop variable or other name would hide one that is already in scope.',
  UNKNOWN_ACTION: 'No action of the catalogue has this name. `quorate actions` lists them all.',
  GATE_EFFECT: 'A gate asks again and again, so it may only use an action whose effect is `read`.',
  EFFECT_HERE:
    'An action that takes a member out of service or destroys data cannot stand here: not in an `always`, which acts when nobody is asked any more; not in a `parallel` or a `forEach` with `maxParallel`, where two members could be out at once.',
  NOTHING_TO_UNDO: 'A step that changes nothing needs no `undo`; it would never be run.',
  NO_RETURN:
    '`noReturn` says that nothing up to here can be taken back once the step is done, so it cannot stand beside an `undo` of the same step, nor inside one, nor in what is done in parallel.',
  NO_CLUSTER:
    'A runbook that changes something must say whose lock its run holds: `cluster: ${{ inputs.cluster }}`. Without it two runs could work against each other.',
  UNKNOWN_INPUT: 'The action, or the runbook that is called, takes no input of this name.',
  UNKNOWN_RUNBOOK:
    'No runbook of this name can be called from here: it lies neither beside this one, nor in the library, nor in a directory of QUORATE_RUNBOOKS.',
  CALLED_BROKEN: 'The runbook that is called has errors itself; they stand beside this one.',
  CALL: 'A runbook cannot be called here: it would call itself, its name is not unique, calls are nested too deep or have too many steps, or it is for a cluster without a quorum and the caller is not.',
  EXPRESSION_SYNTAX: 'The expression is not CEL. The place is where it could not be read on.',
  EXPRESSION_TYPE:
    'The types in the expression do not fit together, or the whole is not of the type this place needs. A condition must be a `bool`.',
  EXPRESSION_LIMIT:
    'An expression is too large, nested too deep, or works through lists inside lists inside lists. Split it with a `set` step.',
  UNKNOWN_NAME:
    'A variable, step, input or field that does not exist here. Only steps that stand before this one are in scope.',
  MAY_BE_ABSENT:
    'The step may not have run when this is evaluated: it stands under an `if`, may be skipped or may fail and be passed over. Use its outputs inside the same group, under the same `if`; what a branch of a `parallel` gives, after that step.',
  PATTERN:
    "A pattern for `matches` (or an input's `pattern`) must be a literal that cannot take for ever: no back-references, no look-around, no repetition inside a repetition, three unbounded repetitions at most.",
  TEMPLATE: 'A `${{` without its `}}`, or nothing between the two.',
  UNKNOWN_HOST: 'The inventory has no host of this name.',
  HOST_TWICE: 'A host can run one member of a cluster. It stands here a second time.',
  SPARE_IS_MEMBER: 'A spare host is one without a member; this one has one in the same cluster.',
  SAME_ENDPOINT:
    'Two members or spares of a cluster, or members of two clusters, would be reached at the same address and port. Clusters may share a spare.',
  VIA: 'The hosts to go through form a circle.',
} as const satisfies Readonly<Record<string, string>>

export type Code = keyof typeof codes

/** The reference of all codes, as Markdown. */
export function codesMarkdown(): string {
  const sections = Object.entries(codes).map(([code, text]) => `## ${code}\n\n${text}\n`)
  const head = '# Errors in runbooks and inventories\n\nMade from `dsl/codes.ts`; do not edit by hand.\n'
  return [head, ...sections].join('\n')
}
