import type {
  ApproveStep,
  AssertStep,
  CallStep,
  Effect,
  Expression,
  ForEachStep,
  GateStep,
  GroupStep,
  InputSpec,
  ManualStep,
  NotifyStep,
  ParallelStep,
  PinnedAction,
  Program,
  SetStep,
  Step,
  Template,
  UsesStep,
  WaitStep,
} from '../../dsl/program.ts'

/** Small programs for tests, written as the compiler would write them. */

type Options = Partial<Omit<UsesStep, 'kind' | 'key' | 'with' | 'if' | 'name' | 'noReturn'>> & {
  readonly if?: string
  readonly name?: string
  readonly noReturn?: string
}
type Build = (prefix: string) => Step

const at = { line: 1, column: 1 }
const once = { attempts: 1, intervalMs: 0, backoff: 1 }

export const expression = (source: string): Expression => ({
  source,
  at,
  roots: ['inputs', 'vars', 'steps', 'gate', 'item'].filter((root) => new RegExp(`\\b${root}\\b`).test(source)),
})

/** `${{ … }}` as in a runbook. */
export function template(text: string): Template {
  const pieces = text.split(/\$\{\{(.*?)\}\}/)
  if (pieces.length === 1) return { kind: 'literal', value: text }
  if (pieces.length === 3 && pieces[0] === '' && pieces[2] === '') {
    return { kind: 'expression', expression: expression((pieces[1] ?? '').trim()) }
  }
  return { kind: 'text', parts: pieces.map((piece, index) => (index % 2 === 0 ? piece : expression(piece.trim()))) }
}

function base(key: string, { if: condition, name, noReturn, ...rest }: Options) {
  return {
    key,
    at,
    onFailure: 'pause' as const,
    skippable: false,
    ...rest,
    ...(condition === undefined ? {} : { if: expression(condition) }),
    ...(name === undefined ? {} : { name: template(name) }),
    ...(noReturn === undefined ? {} : { noReturn: template(noReturn) }),
  }
}

const templates = (values: Readonly<Record<string, string>>): Record<string, Template> =>
  Object.fromEntries(Object.entries(values).map(([key, text]) => [key, template(text)]))

/** A step of the action `ACTION`, with the id `ID`. */
export const uses =
  (id: string, action: string, inputs: Readonly<Record<string, string>> = {}, options: Options = {}): Build =>
  (prefix): UsesStep => ({ ...base(prefix + id, { id, ...options }), kind: 'uses', uses: action, with: templates(inputs) })

export const gate =
  (id: string, action: string, until: string, options: Options & { readonly else?: string } = {}): Build =>
  (prefix): GateStep => {
    const { else: otherwise, ...rest } = options
    return {
      ...base(prefix + id, { id, ...rest }),
      kind: 'gate',
      gate: action,
      with: {},
      until: expression(until),
      everyMs: 10,
      stableMs: { kind: 'literal', value: 0 },
      gateTimeoutMs: 1000,
      ...(otherwise === undefined ? {} : { else: template(otherwise) }),
    }
  }

export const assert =
  (id: string, that: string, otherwise: string, options: Options = {}): Build =>
  (prefix): AssertStep => ({
    ...base(prefix + id, options),
    kind: 'assert',
    assert: [{ that: expression(that), else: template(otherwise) }],
  })

export const approve =
  (id: string, message: string, options: Options = {}, terms: Partial<Pick<ApproveStep, 'by' | 'people' | 'notRequester' | 'expiresMs'>> = {}): Build =>
  (prefix): ApproveStep => ({ ...base(prefix + id, { id, ...options }), kind: 'approve', message: template(message), ...terms })

export const manual =
  (id: string, message: string, options: Options = {}, terms: Partial<Pick<ManualStep, 'by' | 'confirm' | 'expiresMs'>> = {}): Build =>
  (prefix): ManualStep => ({ ...base(prefix + id, { id, ...options }), kind: 'manual', message: template(message), ...terms })

export const notify =
  (id: string, message: string, { to, ...options }: Options & { readonly to?: Template } = {}): Build =>
  (prefix): NotifyStep => ({
    ...base(prefix + id, options),
    kind: 'notify',
    message: template(message),
    ...(to === undefined ? {} : { to }),
  })

/** Milliseconds, or a template that gives them. */
export const wait =
  (id: string, ms: number | string, options: Options = {}): Build =>
  (prefix): WaitStep => ({
    ...base(prefix + id, options),
    kind: 'wait',
    waitMs: typeof ms === 'number' ? { kind: 'literal', value: ms } : template(ms),
  })

export const set =
  (id: string, values: Readonly<Record<string, string>>, options: Options = {}): Build =>
  (prefix): SetStep => ({ ...base(prefix + id, options), kind: 'set', set: templates(values) })

export const group =
  (id: string, steps: readonly Build[], options: Options = {}): Build =>
  (prefix): GroupStep => ({ ...base(prefix + id, options), kind: 'steps', steps: built(steps, `${prefix}${id}/`) })

export const parallel =
  (id: string, steps: readonly Build[], options: Options = {}): Build =>
  (prefix): ParallelStep => ({ ...base(prefix + id, options), kind: 'parallel', steps: built(steps, `${prefix}${id}/`) })

export const forEach =
  (id: string, list: string, steps: readonly Build[], { maxParallel, ...options }: Options & { readonly maxParallel?: number } = {}): Build =>
  (prefix): ForEachStep => ({
    ...base(prefix + id, options),
    kind: 'forEach',
    forEach: expression(list),
    as: 'item',
    ...(maxParallel === undefined ? {} : { maxParallel }),
    steps: built(steps, `${prefix}${id}/`),
  })

/** A call of a runbook whose inputs are texts; what they are filled with stands in `given`. */
export const call =
  (
    id: string,
    given: Readonly<Record<string, string>>,
    steps: readonly Build[],
    {
      outputs = {},
      callee = {},
      ...options
    }: Options & { readonly outputs?: Readonly<Record<string, string>>; readonly callee?: Partial<CallStep> } = {},
  ): Build =>
  (prefix): CallStep => ({
    ...base(prefix + id, { id, ...options }),
    kind: 'call',
    call: `book-${id}`,
    title: `The runbook book-${id}`,
    with: templates(given),
    inputs: Object.fromEntries(Object.keys(given).map((name) => [name, textInput])),
    quorum: 'kept',
    steps: built(steps, `${prefix}${id}/`),
    outputs: templates(outputs),
    ...callee,
  })

const textInput: InputSpec = { type: 'string', description: '', required: true }

/** With the steps that take it back. */
export const undoneBy =
  (step: Build, ...undo: readonly Build[]): Build =>
  (prefix) => {
    const owner = step(prefix)
    return { ...owner, undo: built(undo, `${owner.key}/undo/`) }
  }

/** With the steps that are done when it has failed. */
export const rescuedBy =
  (step: Build, ...rescue: readonly Build[]): Build =>
  (prefix) => {
    const owner = step(prefix)
    return { ...owner, rescue: built(rescue, `${owner.key}/rescue/`) }
  }

/** With the steps that are done when it is over. */
export const always =
  (step: Build, ...after: readonly Build[]): Build =>
  (prefix) => {
    const owner = step(prefix)
    return { ...owner, always: built(after, `${owner.key}/always/`) }
  }

const built = (steps: readonly Build[], prefix: string): readonly Step[] => steps.map((step) => step(prefix))

export const action = (name: string, effect: Effect, options: Partial<PinnedAction> = {}): PinnedAction => ({
  name,
  title: name.replace('.', ' '),
  effect,
  subject: ['host'],
  timeoutMs: 5000,
  retry: once,
  ...options,
})

/** Actions whose name begins with `look` read; all others change. */
export function program(name: string, steps: readonly Build[], options: Partial<Program> = {}): Program {
  const all = built(steps, '')
  const names = new Set(all.flatMap(actionsOf))
  const actions = [...names].map((known) => action(known, known.startsWith('look') ? 'read' : 'change'))
  return {
    format: 1,
    name,
    title: `The runbook ${name}`,
    description: '',
    file: `${name}.yaml`,
    inputs: {},
    quorum: 'kept',
    effect: actions.some(({ effect }) => effect !== 'read') ? 'change' : 'read',
    actions: Object.fromEntries(actions.map((known) => [known.name, known])),
    steps: all,
    outputs: {},
    ...options,
  }
}

function actionsOf(step: Step): readonly string[] {
  const undo = [...(step.undo ?? []), ...(step.rescue ?? []), ...(step.always ?? [])].flatMap(actionsOf)
  switch (step.kind) {
    case 'uses':
      return [step.uses, ...undo]
    case 'gate':
      return [step.gate, ...undo]
    case 'steps':
    case 'forEach':
    case 'parallel':
    case 'call':
      return [...step.steps.flatMap(actionsOf), ...undo]
    case 'assert':
    case 'set':
    case 'approve':
    case 'manual':
    case 'wait':
    case 'notify':
      return undo
  }
}
