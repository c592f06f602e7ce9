import type { ActionSpec, Catalogue, JsonSchema } from '../dsl/action-spec.ts'
import { checkShape, recordOf } from '../dsl/check-shape.ts'
import { findingsIn } from '../dsl/check-with.ts'
import { literalTemplate } from '../dsl/compile-template.ts'
import { listed, suggest } from '../dsl/near.ts'
import type { Problem } from '../dsl/problem.ts'
import type { Program, Step } from '../dsl/program.ts'
import { type Complaint, problemAt, type Range, sortProblems } from '../dsl/source.ts'
import { childOf, toJson, type YamlEntry, type YamlNode } from '../dsl/yaml-node.ts'
import { failureWord } from './answers.ts'
import { partial } from './partial-schema.ts'
import { patternProblem } from './said.ts'
import type { TestFile } from './read-tests.ts'
import { meansStep, stepsOf, withoutIterations } from './step-names.ts'
import { decisionKinds, failureWords, waitSchema } from './test-schema.ts'

interface Check {
  readonly file: TestFile
  readonly program: Program
  readonly catalogue: Catalogue
  readonly steps: readonly Step[]
  readonly problems: Problem[]
}

/** What in a test file does not fit the runbook and the actions it is about, each at its place. */
export function checkTests(file: TestFile, program: Program, catalogue: Catalogue): readonly Problem[] {
  const check: Check = { file, program, catalogue, steps: stepsOf(program), problems: [] }
  for (const node of [file.root, ...file.tests.map((test) => test.node)]) {
    for (const entry of entriesOf(childOf(node, 'inputs'))) checkInput(check, entry)
    for (const entry of entriesOf(childOf(node, 'given'))) checkGiven(check, entry)
  }
  for (const { node } of file.tests) {
    for (const item of itemsOf(childOf(node, 'decide'))) checkDecision(check, item)
    const expected = childOf(node, 'expect')
    if (expected !== undefined) checkExpected(check, expected)
  }
  return sortProblems(check.problems)
}

const entriesOf = (node: YamlNode | undefined): readonly YamlEntry[] =>
  node?.kind === 'map' ? node.entries : []
const itemsOf = (node: YamlNode | undefined): readonly YamlNode[] => (node?.kind === 'list' ? node.items : [])
const textOf = (node: YamlNode | undefined): string | undefined =>
  node?.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined

function complain({ file, problems }: Check, range: Range, complaint: Complaint): void {
  problems.push(problemAt(file.source, range, complaint))
}

function checkInput(check: Check, { key, keyRange }: YamlEntry): void {
  const names = Object.keys(check.program.inputs)
  if (names.includes(key)) return
  const hint = suggest(key, names)
  complain(check, keyRange, { code: 'UNKNOWN_INPUT', message: `The runbook has no input "${key}".`, hint })
}

function checkGiven(check: Check, { key, keyRange, value }: YamlEntry): void {
  const action = actionMeant(check, key, keyRange)
  if (action === undefined) return
  const answers = value.kind === 'list' ? value.items : [value]
  if (answers.length === 0)
    complain(check, value.range, { code: 'WRONG_VALUE', message: 'There is no answer in it.' })
  for (const answer of answers) checkAnswer(check, action, answer)
}

function checkAnswer(check: Check, action: ActionSpec, answer: YamlNode): void {
  if (answer.kind !== 'map') {
    const message = `An answer is what ${action.name} gives, as a map; or fails, refused or unknown with a message.`
    return complain(check, answer.range, { code: 'WRONG_TYPE', message })
  }
  if (failureWord(toJson(answer)) !== undefined) return
  const wordless = answer.entries.find(({ key }) => isFailureWord(key) && !hasField(action, key))
  if (wordless === undefined) return checkFields(check, answer, action.output)
  complain(check, wordless.keyRange, {
    code: 'WRONG_VALUE',
    message: `"${wordless.key}" stands alone, with the failure's message.`,
  })
}

const isFailureWord = (key: string): boolean => failureWords.some((word) => word === key)

const hasField = ({ output }: ActionSpec, name: string): boolean =>
  Object.hasOwn(recordOf(output['properties']), name)

/** Types are those of the action's own schema; what a test leaves out is its own affair. */
function checkFields(check: Check, node: YamlNode, schema: JsonSchema): void {
  for (const { range, complaint } of findingsIn(literalTemplate(node), partial(schema))) {
    const { hint, ...rest } = complaint
    // What it says of types is how to convert an expression; here is none.
    complain(check, range, complaint.code === 'WRONG_TYPE' ? rest : { ...rest, hint })
  }
}

/** The action of the catalogue that a name or a step stands for; says what is wrong when there is not one. */
function actionMeant(check: Check, name: string, range: Range): ActionSpec | undefined {
  const { program, catalogue } = check
  if (Object.hasOwn(program.actions, name)) return catalogue.get(name)
  const own = Object.keys(program.actions)
  if (catalogue.has(name)) {
    complain(check, range, {
      code: 'UNKNOWN_ACTION',
      message: `The runbook never uses ${name}, so nothing would ask for this answer.`,
      hint: `It uses ${listed(own, 12)}.`,
    })
    return undefined
  }
  const steps = stepsMeant(check, name, range)
  const actions = new Set(steps.map(actionOf))
  const [only] = actions
  if (steps.length === 0) return undefined
  if (actions.size === 1 && only !== undefined) return catalogue.get(only)
  const message =
    actions.size > 1
      ? `"${name}" means several steps with different actions.`
      : `The step "${name}" asks no action, so it is given no answer.`
  const hint =
    actions.size > 1
      ? `Write one of ${listed(
          steps.map(({ key }) => key),
          6,
        )}.`
      : 'What a person says stands under "decide".'
  complain(check, range, { code: 'UNKNOWN_NAME', message, hint })
  return undefined
}

const actionOf = (step: Step): string | undefined =>
  step.kind === 'uses' ? step.uses : step.kind === 'gate' ? step.gate : undefined

/** Says so when a name means none. */
function stepsMeant(check: Check, name: string, range: Range): readonly Step[] {
  const meant = check.steps.filter(({ key }) => meansStep(withoutIterations(name), key))
  if (meant.length > 0) return meant
  const isAction = /^[a-z]+(\.[a-zA-Z]+)+$/.test(name)
  const known = isAction ? Object.keys(check.program.actions) : namesOf(check.steps)
  const message = isAction ? `There is no action "${name}".` : `The runbook has no step "${name}".`
  complain(check, range, {
    code: isAction ? 'UNKNOWN_ACTION' : 'UNKNOWN_NAME',
    message,
    hint: suggest(name, known),
  })
  return []
}

/** What steps may be called by: their ids, or what stands for one. */
const namesOf = (steps: readonly Step[]): readonly string[] => [
  ...new Set(steps.map(({ key }) => key.slice(key.lastIndexOf('/') + 1))),
]

function checkDecision(check: Check, node: YamlNode): void {
  const alone = textOf(node)
  if (alone !== undefined) return checkDecisionKind(check, alone, node.range)
  const [kind, ...others] = entriesOf(node).filter(({ key }) => key !== 'by' && key !== 'comment')
  if (kind === undefined || others.length > 0) {
    const message = `A decision is a word, or one with the step it is about: ${decisionKinds.join(', ')}.`
    return complain(check, node.range, {
      code: 'WRONG_VALUE',
      message,
      hint: 'Write "retry: STEP"; "by" and "comment" may stand beside it.',
    })
  }
  checkDecisionKind(check, kind.key, kind.keyRange)
  const step = textOf(kind.value)
  if (step === undefined) {
    complain(check, kind.value.range, {
      code: 'WRONG_TYPE',
      message: `"${kind.key}" needs the step it is about.`,
    })
  } else stepsMeant(check, step, kind.value.range)
}

function checkDecisionKind(check: Check, kind: string, range: Range): void {
  if (decisionKinds.includes(kind)) return
  const hint = suggest(kind, decisionKinds)
  complain(check, range, { code: 'WRONG_VALUE', message: `Nobody can decide "${kind}".`, hint })
}

function checkExpected(check: Check, node: YamlNode): void {
  for (const key of ['calls', 'changes', 'includes', 'never'])
    for (const item of itemsOf(childOf(node, key))) checkCall(check, item)
  for (const item of itemsOf(childOf(node, 'waits'))) checkWait(check, item)
  for (const { key, keyRange } of entriesOf(childOf(node, 'steps'))) stepsMeant(check, key, keyRange)
  const outputs = Object.keys(check.program.outputs)
  for (const { key, keyRange } of entriesOf(childOf(node, 'outputs'))) {
    if (outputs.includes(key)) continue
    const hint = suggest(key, outputs)
    complain(check, keyRange, { code: 'UNKNOWN_NAME', message: `The runbook has no output "${key}".`, hint })
  }
  checkPattern(check, childOf(node, 'message'))
  for (const item of itemsOf(childOf(node, 'notices'))) checkPattern(check, item)
}

/** `ACTION`, `STEP`, or one of them with some of the call's arguments. */
function checkCall(check: Check, node: YamlNode): void {
  const alone = textOf(node)
  if (alone !== undefined) return void callMeant(check, alone, node.range)
  const [only, ...others] = entriesOf(node)
  if (only === undefined || others.length > 0 || only.value.kind !== 'map') {
    const message = 'A call is an action or a step, alone or with a map of some of its arguments.'
    return complain(check, node.range, {
      code: 'WRONG_VALUE',
      message,
      hint: 'Write "service.stop: { host: h2 }".',
    })
  }
  const action = callMeant(check, only.key, only.keyRange)
  if (action !== undefined) checkFields(check, only.value, action.input)
}

/** What must never be called may be an action that the runbook does not use, as long as there is one. */
function callMeant(check: Check, name: string, range: Range): ActionSpec | undefined {
  return check.catalogue.get(name) ?? actionMeant(check, name, range)
}

function checkWait(check: Check, node: YamlNode): void {
  const alone = textOf(node)
  if (alone !== undefined) return void stepsMeant(check, alone, node.range)
  const shaped = checkShape(check.file.source, node, waitSchema, 'a wait')
  if (!shaped.ok) return void check.problems.push(...shaped.problems)
  const at = childOf(node, 'at')
  if (at !== undefined) stepsMeant(check, shaped.value.at, at.range)
  for (const item of itemsOf(childOf(node, 'offers')))
    checkDecisionKind(check, textOf(item) ?? '', item.range)
  for (const { key, keyRange, value } of entriesOf(childOf(node, 'withheld'))) {
    checkDecisionKind(check, key, keyRange)
    checkPattern(check, value)
  }
  for (const key of ['failure', 'message']) checkPattern(check, childOf(node, key))
}

function checkPattern(check: Check, node: YamlNode | undefined): void {
  const problem = patternProblem(textOf(node) ?? '')
  if (node !== undefined && problem !== undefined)
    complain(check, node.range, { code: 'WRONG_VALUE', message: problem })
}
