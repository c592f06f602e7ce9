import { type ChildProcess, spawn } from 'node:child_process'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const root = resolve(__dirname, '..')

export interface Diagnosis {
  /** Counted from 0, as the protocol does. */
  readonly range: { readonly start: { readonly line: number; readonly character: number } }
  readonly message: string
}

interface Seen {
  /** What may be written at the cursor. */
  readonly labels: readonly string[]
  /** What each of them says of itself. */
  readonly documentation: Readonly<Record<string, string>>
  /** What is shown over the word at the cursor; "" for nothing. */
  readonly hover: string
  /** What is underlined, `line:column message` counted from 1. */
  readonly underlined: readonly string[]
}

/** The YAML language server that editors run, spoken to as they do. */
export class LanguageServer {
  readonly #process: ChildProcess
  readonly #answers = new Map<number, (result: unknown) => void>()
  readonly #diagnoses = new Map<string, (found: readonly Diagnosis[]) => void>()
  #heard: Buffer = Buffer.alloc(0)
  #asked = 0
  #opened = 0

  private constructor() {
    const program = join(root, 'node_modules', 'yaml-language-server', 'bin', 'yaml-language-server')
    this.#process = spawn(process.execPath, [program, '--stdio'], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#process.stdout?.on('data', (part: Buffer) => this.#hear(part))
  }

  static async start(): Promise<LanguageServer> {
    const server = new LanguageServer()
    await server.#ask('initialize', {
      processId: process.pid,
      rootUri: pathToFileURL(root).href,
      capabilities: {
        textDocument: {
          hover: { contentFormat: ['markdown'] },
          completion: { completionItem: { snippetSupport: true } },
        },
        workspace: { configuration: true },
      },
    })
    server.#tell('initialized', {})
    return server
  }

  stop(): void {
    this.#process.kill()
  }

  /** Opens a text as a file of `runbooks/` and looks at the place of the `‸` in it, which is taken out. */
  async look(marked: string): Promise<Seen> {
    const cut = marked.indexOf('‸')
    const text = marked.slice(0, cut) + marked.slice(cut + 1)
    const before = marked.slice(0, cut).split('\n')
    const position = { line: before.length - 1, character: before.at(-1)?.length ?? 0 }
    const uri = pathToFileURL(join(root, 'runbooks', `opened-${++this.#opened}.yaml`)).href
    const diagnosed = new Promise<readonly Diagnosis[]>((done) => this.#diagnoses.set(uri, done))
    this.#tell('textDocument/didOpen', { textDocument: { uri, languageId: 'yaml', version: 1, text } })
    const at = { textDocument: { uri }, position }
    const hover = (await this.#ask('textDocument/hover', at)) as { contents?: { value?: string } } | null
    const completion = (await this.#ask('textDocument/completion', at)) as {
      items?: readonly { label: string; documentation?: string | { value: string } }[]
    } | null
    const items = completion?.items ?? []
    const documented = items.map(({ label, documentation = '' }) => [
      label,
      typeof documentation === 'string' ? documentation : documentation.value,
    ])
    return {
      labels: items.map(({ label }) => label),
      documentation: Object.fromEntries(documented) as Record<string, string>,
      hover: hover?.contents?.value ?? '',
      underlined: (await diagnosed).map(
        ({ range, message }) => `${range.start.line + 1}:${range.start.character + 1} ${message}`,
      ),
    }
  }

  #ask(method: string, params: unknown): Promise<unknown> {
    const id = ++this.#asked
    const answer = new Promise<unknown>((done) => this.#answers.set(id, done))
    this.#say({ id, method, params })
    return answer
  }

  #tell(method: string, params: unknown): void {
    this.#say({ method, params })
  }

  #say(message: object): void {
    const text = JSON.stringify({ jsonrpc: '2.0', ...message })
    this.#process.stdin?.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`)
  }

  #hear(part: Buffer): void {
    this.#heard = Buffer.concat([this.#heard, part])
    for (;;) {
      const head = this.#heard.indexOf('\r\n\r\n')
      const length = Number(/Content-Length: (\d+)/i.exec(this.#heard.subarray(0, head).toString())?.[1])
      if (head < 0 || this.#heard.length < head + 4 + length) return
      const message: unknown = JSON.parse(this.#heard.subarray(head + 4, head + 4 + length).toString())
      this.#heard = this.#heard.subarray(head + 4 + length)
      this.#understand(message as Message)
    }
  }

  #understand({ id, method, params, result }: Message): void {
    if (method === 'textDocument/publishDiagnostics' && params?.uri !== undefined)
      this.#diagnoses.get(params.uri)?.(params.diagnostics ?? [])
    // What it asks of an editor, its settings above all, has no answer here: it takes its own.
    else if (method !== undefined && id !== undefined)
      this.#say({ id, result: (params?.items ?? []).map(() => ({})) })
    else if (id !== undefined) this.#answers.get(id)?.(result)
  }
}

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: {
    readonly uri?: string
    readonly diagnostics?: readonly Diagnosis[]
    readonly items?: readonly unknown[]
  }
  readonly result?: unknown
}
