import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { chooseServers, manifestWithServers, serversIn, unitWithServers } from './apiserver-flags.ts'

const url = (n: number) => `https://10.0.0.${n}:2379`
const member = (n: number) => ({ host: `h${n}`, clientUrl: url(n) })
const three = [member(1), member(2), member(3)]
const choose = chooseServers(three, 'api')

const done = (result: ReturnType<typeof manifestWithServers>): string => {
  if (!result.ok) throw new Error(result.message)
  return result.text
}

describe('which servers', () => {
  test.each<[string, readonly string[], string, readonly string[]]>([
    [
      'all are there: nothing changes, not even the order',
      [url(3), url(1), url(2)],
      'api',
      [url(3), url(1), url(2)],
    ],
    ['a slash at the end is kept', [`${url(1)}/`, url(2), url(3)], 'api', [`${url(1)}/`, url(2), url(3)]],
    ['one moved: it goes, the new one comes last', [url(1), url(9), url(3)], 'api', [url(1), url(3), url(2)]],
    ['nothing is known: all members', [], 'api', [url(1), url(2), url(3)]],
    [
      'a loopback address alone stays with the member on that host',
      ['https://127.0.0.1:2379'],
      'h2',
      ['https://127.0.0.1:2379'],
    ],
    ['it does not when no member is there', ['https://127.0.0.1:2379'], 'h9', [url(1), url(2), url(3)]],
    ['nor when it is another port', ['https://127.0.0.1:4001'], 'h2', [url(1), url(2), url(3)]],
    [
      'a loopback address among others stands for its own member',
      ['https://localhost:2379', url(9)],
      'h2',
      ['https://localhost:2379', url(1), url(3)],
    ],
  ])('%s', (_what, present, host, expected) => {
    expect(chooseServers(three, host)(present)).toEqual(expected)
  })

  test('chosen twice it is chosen once, and every member is named', () => {
    const candidates = fc.constantFrom(url(1), url(2), url(3), url(8), 'https://127.0.0.1:2379', 'nonsense')
    const host = fc.constantFrom('h1', 'h3', 'h9')
    fc.assert(
      fc.property(fc.array(candidates, { maxLength: 6 }), host, (present, on) => {
        const pick = chooseServers(three, on)
        const once = pick(present)
        expect(pick(once)).toEqual(once)
        expect(once).not.toContain(url(8))
        expect(once).not.toContain('nonsense')
      }),
    )
  })
})

describe('a manifest', () => {
  const manifest = (line: string) => `apiVersion: v1
kind: Pod   # static
spec:
  containers:
  - name: kube-apiserver
    command:
    - kube-apiserver
    # who etcd is
${line}
    - --etcd-servers-overrides=/events#https://10.1.0.1:2379
    - --secure-port=6443
`
  const all = [url(1), url(2), url(3)].join(',')

  test.each([
    ['one word', `    - --etcd-servers=${url(1)}  # old`, `    - --etcd-servers=${all}  # old`],
    ['in double quotes', `    - "--etcd-servers=${url(1)}"`, `    - "--etcd-servers=${all}"`],
    ['in single quotes', `    - '--etcd-servers=${url(1)}'`, `    - '--etcd-servers=${all}'`],
    ['two words', `    - --etcd-servers\n    - ${url(9)}`, `    - --etcd-servers\n    - ${all}`],
    ['two words, quoted', `    - --etcd-servers\n    - "${url(9)}"`, `    - --etcd-servers\n    - "${all}"`],
    [
      "in a shell's command line",
      `    - exec x --etcd-servers=${url(1)} --v=2`,
      `    - exec x --etcd-servers=${all} --v=2`,
    ],
    [
      'in a block of text',
      `    - |\n      exec x \\\n        --etcd-servers=${url(1)} \\\n        --v=2`,
      `    - |\n      exec x \\\n        --etcd-servers=${all} \\\n        --v=2`,
    ],
  ])('%s', (_what, before, after) => {
    expect(done(manifestWithServers(manifest(before), choose))).toBe(manifest(after))
    expect(done(manifestWithServers(manifest(after), choose))).toBe(manifest(after))
    expect(serversIn('manifest', manifest(after))).toEqual([all])
  })

  test('within brackets plain text is quoted, because of the commas', () => {
    const text = `command: [kube-apiserver, --etcd-servers=${url(1)}, --v=2]\n`
    const after = `command: [kube-apiserver, "--etcd-servers=${all}", --v=2]\n`
    expect(done(manifestWithServers(text, choose))).toBe(after)
    expect(done(manifestWithServers(after, choose))).toBe(after)
  })

  test('as JSON', () => {
    const text = `{"spec":{"containers":[{"command":["kube-apiserver","--etcd-servers=${url(1)}"]}]}}`
    expect(done(manifestWithServers(text, choose))).toBe(text.replace(url(1), all))
  })

  test.each([
    ['no flag', manifest('    - --v=2'), /no command in it has --etcd-servers/],
    ['no YAML', 'a: [', /cannot be read as YAML/],
  ])('%s is left as it is', (_what, text, message) => {
    expect(manifestWithServers(text, choose)).toEqual({ ok: false, message: expect.stringMatching(message) })
  })
})

describe('a unit or environment file', () => {
  const all = [url(1), url(2), url(3)].join(',')

  test.each([
    ['a flag', `ExecStart=/usr/bin/kube-apiserver --etcd-servers=${url(9)} --v=2\n`],
    [
      'a flag on a line of its own',
      `ExecStart=/usr/bin/kube-apiserver \\\n  --etcd-servers=${url(9)} \\\n  --v=2\n`,
    ],
    ['two words', `ExecStart=/usr/bin/kube-apiserver --etcd-servers ${url(9)} --v=2\n`],
    ['two words on two lines', `ExecStart=x \\\n  --etcd-servers \\\n  ${url(9)} \\\n  --v=2\n`],
    ['in quotes', `KUBE_ETCD_SERVERS="--etcd-servers=${url(9)}"\n`],
    ['a variable of its own', `# who\nexport ETCD_SERVERS=${url(9)}\nOTHER=${url(1)}\n`],
    ['beside overrides', `X="--etcd-servers-overrides=/events#${url(1)} --etcd-servers=${url(9)}"\n`],
    [
      'with comments that say the same',
      `#ExecStart=x --etcd-servers=${url(1)}\nExecStart=x --etcd-servers=${url(9)}\n`,
    ],
  ])('%s', (_what, text) => {
    const after = text.replace(url(9), all)
    expect(done(unitWithServers(text, choose))).toBe(after)
    expect(done(unitWithServers(after, choose))).toBe(after)
    expect(serversIn('unit', after)).toEqual([all])
  })

  test.each([
    ['nothing of the kind', 'ExecStart=/usr/bin/kube-apiserver\n', /no --etcd-servers outside of comments/],
    ['only in a comment', `# --etcd-servers=${url(1)}\n`, /no --etcd-servers outside of comments/],
    ['by a variable', 'ExecStart=x --etcd-servers=${SERVERS}\n', /comes from \$\{SERVERS\}/],
  ])('%s is left as it is', (_what, text, message) => {
    expect(unitWithServers(text, choose)).toEqual({ ok: false, message: expect.stringMatching(message) })
  })

  test('whatever stands around the flag stays byte for byte', () => {
    const around = fc.array(
      fc.constantFrom('', '# note', '[Service]', 'A="b c"', '  --v=2 \\', '; x', '\tEND='),
      { maxLength: 5 },
    )
    fc.assert(
      fc.property(around, around, (before, after) => {
        const whole = (value: string) =>
          [...before, `ExecStart=/x --etcd-servers=${value} --v=1`, ...after].join('\n')
        expect(done(unitWithServers(whole(url(7)), choose))).toBe(whole(all))
      }),
    )
  })
})
