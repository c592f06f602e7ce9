import { z } from 'zod'
import type { RunIdentity } from '../../workflows/ports.ts'
import type { ActionContext } from '../action.ts'
import { jobKey } from '../host/job-key.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { compareLogEnds, dataDirectories, logEnd } from './data-directories.ts'

/**
 * Notes on a host that a run has stopped the member that served there, and how far its log goes. Such a member is
 * nowhere else, so the same run may start it again with that very data, even while another host cannot be asked
 * whether it holds a copy. Without this a second host that dies between the stop and the start would keep a member
 * down that is all the quorum needs.
 */
export async function noteLastRan(
  context: ActionContext,
  host: RemoteHost,
  { dataDir, memberId }: { readonly dataDir: string; readonly memberId: string },
): Promise<void> {
  const seen = await stateOf(host, dataDir)
  if (seen?.memberId !== memberId) return
  const note: Note = { run: context.run.key, ...seen }
  const argv = ['sh', '-c', noteScript, 'note', lastRanNote(host, dataDir), JSON.stringify(note)]
  await host.job(jobKey(context, 'note'), { argv }, { signal: context.signal })
}

/** Whether that run stopped a member that served there, and its data lies there just as it left it. */
export async function lastRanHere(
  host: RemoteHost,
  dataDir: string,
  run: Pick<RunIdentity, 'key'>,
): Promise<boolean> {
  const { code, stdout } = await host.exec({
    reads: true,
    argv: ['cat', '--', lastRanNote(host, dataDir)],
    privileged: true,
  })
  const noted = code === 0 ? noteText.safeParse(stdout).data : undefined
  if (noted?.run !== run.key) return false
  const seen = await stateOf(host, dataDir)
  if (seen === undefined) return false
  const same = seen.memberId === noted.memberId && seen.clusterId === noted.clusterId
  return same && compareLogEnds(seen.end, noted.end) === 0
}

/** Where it is noted. Data that is set aside loses it. */
export function lastRanNote({ workDir }: Pick<RemoteHost, 'workDir'>, dataDir: string): string {
  return `${workDir}/stopped${dataDir.replaceAll('/', '_')}`
}

const noteText = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text)
    } catch {
      context.addIssue({ code: 'custom', message: 'no JSON' })
      return z.NEVER
    }
  })
  .pipe(
    z.strictObject({
      run: z.string(),
      memberId: z.string(),
      clusterId: z.string(),
      end: z.strictObject({ segment: z.string(), written: z.number() }),
    }),
  )

type Note = z.output<typeof noteText>

const noteScript = 'umask 077; printf "%s\\n" "$2" >"$1.new" && mv -f "$1.new" "$1"'

async function stateOf(host: RemoteHost, dataDir: string) {
  const { inPlace } = await dataDirectories(host, dataDir)
  if (!inPlace?.identity || inPlace.open !== 'no') return undefined
  return { ...inPlace.identity, end: await logEnd(host, dataDir) }
}
