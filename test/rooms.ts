import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { parseSync } from '@swc/core'

/** Which rooms a room may import from. `types` means: only by `import type`, and only the file named. */
export interface RoomRule {
  readonly rooms: readonly string[]
  readonly typesOf?: readonly string[]
  /** Packages it may use; everything when left out. */
  readonly packages?: readonly string[]
}

/** The arrows of the design. */
export const rules: Readonly<Record<string, RoomRule>> = {
  dsl: { rooms: [], packages: ['yaml', 'zod', '@marcbachmann/cel-js'] },
  workflows: { rooms: ['dsl'], packages: ['@temporalio/workflow', '@temporalio/common'] },
  // Runs runbooks without a world: pure as what it runs.
  rehearsal: { rooms: ['dsl', 'workflows'], packages: ['zod'] },
  activities: { rooms: ['dsl'], typesOf: ['workflows/ports.ts', 'workflows/plan.ts', 'audit/event.ts'] },
  // The record: it knows runs by their events and histories, never by what made them.
  audit: {
    rooms: ['dsl', 'client'],
    typesOf: ['workflows/ports.ts', 'workflows/doors.ts', 'workflows/evidence-entry.ts'],
  },
  worker: { rooms: ['activities', 'audit', 'dsl', 'workflows'] },
  client: {
    rooms: ['dsl'],
    typesOf: ['workflows/ports.ts', 'workflows/doors.ts', 'workflows/evidence-entry.ts', 'workflows/plan.ts'],
  },
  cli: {
    rooms: ['client', 'dsl', 'lab', 'worker', 'activities', 'audit', 'rehearsal'],
    typesOf: ['workflows/ports.ts', 'workflows/doors.ts', 'workflows/evidence-entry.ts', 'workflows/plan.ts'],
  },
  // The inventory's shape: the lab writes one.
  lab: { rooms: [], typesOf: ['dsl/inventory.ts'] },
}

interface Import {
  readonly from: string
  readonly typeOnly: boolean
}

/** Every breach of the arrows below `root`, as a sentence: file → import → what is allowed. */
export function breaches(root: string): string[] {
  return Object.keys(rules).flatMap((room) =>
    sourceFiles(join(root, room)).flatMap((file) =>
      importsOf(file).flatMap((entry) => breach(root, room, file, entry)),
    ),
  )
}

function breach(root: string, room: string, file: string, { from, typeOnly }: Import): string[] {
  const rule = rules[room]
  if (rule === undefined) return []
  const here = relative(root, file)
  if (!from.startsWith('.')) {
    const allowed =
      rule.packages === undefined ||
      rule.packages.some((name) => from === name || from.startsWith(`${name}/`))
    return allowed ? [] : [`${here} → ${from}: ${room}/ may use only ${rule.packages?.join(', ')}`]
  }
  const target = relative(root, resolve(dirname(file), from))
    .split(sep)
    .join('/')
  const targetRoom = target.split('/')[0] ?? ''
  if (targetRoom === room || rule.rooms.includes(targetRoom)) return []
  if (typeOnly && rule.typesOf?.includes(target)) return []
  return [`${here} → ${target}: ${room}/ may import from ${[room, ...rule.rooms].join(', ')} only`]
}

export function sourceFiles(directory: string): string[] {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name)
    if (statSync(path).isDirectory()) return sourceFiles(path)
    return path.endsWith('.ts') && !path.endsWith('.test.ts') ? [path] : []
  })
}

function importsOf(file: string): Import[] {
  const found: Import[] = []
  visit(parseSync(readFileSync(file, 'utf8'), { syntax: 'typescript' }), (node) => {
    const source = node['source'] as { value?: string } | null | undefined
    switch (node['type']) {
      case 'ImportDeclaration':
        if (source?.value !== undefined)
          found.push({ from: source.value, typeOnly: node['typeOnly'] === true })
        break
      case 'ExportNamedDeclaration':
      case 'ExportAllDeclaration':
        if (source?.value !== undefined)
          found.push({ from: source.value, typeOnly: node['typeOnly'] === true })
        break
      case 'CallExpression': {
        const callee = node['callee'] as { type?: string } | undefined
        const [first] = (node['arguments'] ?? []) as { expression?: { type?: string; value?: string } }[]
        if (callee?.type === 'Import' && first?.expression?.type === 'StringLiteral')
          found.push({ from: first.expression.value ?? '', typeOnly: false })
        break
      }
      default:
    }
  })
  return found
}

function visit(node: unknown, see: (node: Record<string, unknown>) => void): void {
  if (Array.isArray(node)) node.forEach((child) => visit(child, see))
  else if (typeof node === 'object' && node !== null) {
    see(node as Record<string, unknown>)
    Object.values(node).forEach((child) => visit(child, see))
  }
}
