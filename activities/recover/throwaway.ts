import type { Cluster, EtcdLayout } from '../../dsl/inventory.ts'
import type { ActionContext } from '../action.ts'
import { passwordOf } from '../etcd/token.ts'
import { type EtcdErrorCode, etcdErrorCode, explainEtcd } from '../etcd/errors.ts'
import { ActionError } from '../failure.ts'
import { jobKey } from '../host/job-key.ts'
import { JobFailed } from '../ssh/job.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { throwawayFunctions } from './throwaway-script.ts'

/** An etcd that runs for a moment on a host, on loopback, on ports of its own and past the service manager. */
export interface Throwaway {
  readonly host: RemoteHost
  readonly layout: Pick<EtcdLayout, 'binDir'>
  /** Where it notes what it started, for a later try; in the work directory unless said. */
  readonly notes?: string
  /** Names it beside others of the same step. */
  readonly part: string
  /**
   * What to do, in the words of `throwawayFunctions`; `$1` and on are `words`. What it prints is what comes back.
   * It may be begun a second time after it was broken off anywhere.
   */
  readonly script: string
  readonly words: readonly string[]
  /** `USER:PASSWORD` where the data asks for one. */
  readonly login?: string
  /** After so long etcd is killed on the host, whoever still watches. */
  readonly limitMs: number
}

/**
 * Runs one as a remote job, so that neither a cut link nor a killed worker leaves it running: the job ends it,
 * and a watchdog on the host does when the job itself is gone. Returns the lines it printed.
 */
export async function runThrowaway(context: ActionContext, throwaway: Throwaway): Promise<readonly string[]> {
  const { host, layout, part, script, words, login = '', limitMs } = throwaway
  const key = jobKey(context, part)
  const mark = `${throwaway.notes ?? `${host.workDir}/throwaway`}/${key.replace(/[^A-Za-z0-9._-]/g, '_')}`
  const text = `${throwawayBeginning}\n${script}`
  const argv = [
    'sh',
    '-c',
    text,
    'throwaway',
    layout.binDir,
    mark,
    String(Math.ceil(limitMs / 1000)),
    ...words,
  ]
  try {
    const { stdout } = await host.job(key, { argv, stdin: `${login}\n` }, { signal: context.signal })
    return stdout.split('\n').filter(Boolean)
  } catch (error) {
    if (!(error instanceof JobFailed) || !aboutData.has(etcdErrorCode(error.said))) throw error
    throw new ActionError(`${explainEtcd(error.said)} ${error.message}`, { cause: error })
  }
}

/** Why etcd does not start on data: whatever else its log says is about a start of its own on loopback. */
const aboutData: ReadonlySet<EtcdErrorCode> = new Set(['noVoterLeft', 'mixedData', 'staleData'])

/** What `runThrowaway` takes as login: data brings its access control along. */
export async function loginOf({ name, auth }: Cluster): Promise<string> {
  return auth ? `${auth.user}:${await passwordOf(name, auth)}` : ''
}

const throwawayBeginning = String.raw`
bin=$1 mark=$2 limit=$3
shift 3
IFS= read -r login && [ -n "$login" ] && { ETCDCTL_USER=$login; export ETCDCTL_USER; }
${throwawayFunctions}
`
