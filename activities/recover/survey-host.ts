import type { Cluster } from '../../dsl/inventory.ts'
import type { ActionContext } from '../action.ts'
import { hex32 } from '../backup/snapshot-script.ts'
import { dataDirectories, type DataDirectory } from '../dir/data-directories.ts'
import { walEnd } from '../dir/wal-end.ts'
import { readSettings } from '../etcd/config-file.ts'
import { EtcdError } from '../etcd/errors.ts'
import { ActionError, RefusedError, UnknownOutcomeError } from '../failure.ts'
import { hostFacts } from '../host/facts.ts'
import { layoutOn } from '../inventory/look-up.ts'
import { serviceState } from '../service/manager.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'
import { whyLogApart } from './log-apart.ts'
import type { HostView } from './survey-view.ts'
import { z } from 'zod'

/** Looks at what is left on one host. Never throws for what the host says or does not say. */
export async function surveyHost(context: ActionContext, cluster: Cluster, name: string): Promise<HostView> {
  const blank = blankView(cluster, name)
  const answer = await context
    .cluster(cluster.name)
    .endpoint(name)
    .status({ signal: context.signal })
    .catch(quiet)
  const said = answer
    ? {
        answers: true,
        ...{ memberId: answer.memberId, clusterId: answer.clusterId, revision: answer.revision },
        ...{ term: answer.raftTerm, index: answer.raftIndex, commit: answer.raftIndex },
      }
    : {}
  try {
    return { ...blank, ...said, ...(await lookOnHost(context, cluster, name, answer !== undefined)) }
  } catch (error) {
    if (!isHostsFault(error)) throw error
    return { ...blank, ...said, why: `${name} cannot be asked: ${error.message}` }
  }
}

function blankView(cluster: Cluster, host: string): HostView {
  const member = Object.entries(cluster.members).find(([, on]) => on === host)?.[0] ?? ''
  return {
    ...{
      host,
      member,
      reachable: false,
      why: '',
      service: 'unknown',
      answers: false,
      data: 'unknown',
      open: false,
    },
    ...{ readable: false, owner: '', path: layoutOn(cluster, host).dataDir, memberId: '', clusterId: '' },
    ...{
      term: 0,
      index: 0,
      commit: 0,
      revision: 0,
      totalKey: 0,
      hash: '',
      dbSizeBytes: 0,
      etcdVersion: '',
      aside: [],
    },
  }
}

function quiet(error: unknown): undefined {
  if (error instanceof EtcdError) return undefined
  throw error
}

function isHostsFault(error: unknown): error is Error {
  return error instanceof ActionError || error instanceof UnknownOutcomeError || error instanceof RefusedError
}

async function lookOnHost(
  context: ActionContext,
  cluster: Cluster,
  name: string,
  answers: boolean,
): Promise<Partial<HostView>> {
  const host = context.host(name)
  const layout = layoutOn(cluster, name)
  const { inPlace, aside } = await dataDirectories(host, layout.dataDir)
  const [service, facts, settings] = await Promise.all([
    serviceState(host, layout.service).catch(() => 'unknown' as const),
    hostFacts(host, layout),
    readSettings(host, layout).catch(() => undefined),
  ])
  const seen = {
    ...{ reachable: true, service, etcdVersion: facts.etcd ?? '', aside: aside.map(({ path }) => path) },
    data: inPlace && !inPlace.empty ? ('there' as const) : ('none' as const),
    open: inPlace?.open === 'yes',
  }
  if (!inPlace || inPlace.empty) return seen
  const owner = await ownerOf(host, inPlace.path)
  if (answers) return { ...seen, owner, why: `etcd runs on ${name}.` }
  const ids = inPlace.identity ?? { memberId: '', clusterId: '' }
  const whyNot = whyOpen(name, inPlace) || whyLogApart(name, layout, settings) || whyNoLog(name, inPlace)
  if (whyNot !== '') return { ...seen, owner, ...ids, why: whyNot }
  try {
    const [end, db] = [
      await walEnd(host, inPlace.path, context.signal),
      await readDatabase(host, inPlace.path, layout.binDir),
    ]
    return { ...seen, owner, ...ids, ...end, ...db, readable: true }
  } catch (error) {
    if (!isHostsFault(error)) throw error
    return { ...seen, owner, ...ids, why: error.message }
  }
}

function whyOpen(name: string, { path, open }: DataDirectory): string {
  if (open === 'yes') return `etcd has ${path} on ${name} open: stop it there to see what it holds.`
  if (open === 'unknown') return `Whether a process uses ${path} on ${name} cannot be told.`
  return ''
}

function whyNoLog(name: string, { path, identity }: DataDirectory): string {
  return identity === undefined ? `${path} on ${name} holds no readable log.` : ''
}

async function ownerOf(host: RemoteHost, path: string): Promise<string> {
  const { stdout } = await host.exec({ reads: true, argv: ['ls', '-ld', '--', path], privileged: true })
  const [, , user = '', group = ''] = stdout.split(/\s+/)
  return `${user}:${group}`
}

const status = z.object({
  hash: z.number(),
  revision: z.number(),
  totalKey: z.number(),
  totalSize: z.number(),
})

/** From a copy, because etcd's programs may write to what they open. */
async function readDatabase(host: RemoteHost, path: string, binDir: string) {
  const { code, stdout, stderr } = await host.exec({
    argv: ['sh', '-c', databaseScript, 'survey', binDir, path, host.workDir],
    ...{ privileged: true, timeoutMs: 10 * 60_000 },
  })
  if (code !== 0)
    throw new ActionError(`The database in ${path} on ${host.name} cannot be read: ${stderr.trim()}.`)
  const { hash, revision, totalKey, totalSize } = status.parse(JSON.parse(stdout))
  return { hash: hex32(hash), revision, totalKey, dbSizeBytes: totalSize }
}

const databaseScript = String.raw`
bin=$1 db=$2/member/snap/db work=$3/survey
umask 077
[ -f "$db" ] || { echo 'there is none' >&2; exit 1; }
mkdir -p "$work" && copy=$(mktemp "$work/db.XXXXXX") || exit 1
trap 'rm -f "$copy"' EXIT
trap 'exit 1' HUP INT TERM
cp "$db" "$copy" || exit 1
if [ -x "$bin/etcdutl" ]; then "$bin/etcdutl" snapshot status -w json "$copy"
else ETCDCTL_API=3 "$bin/etcdctl" snapshot status -w json "$copy" 2>/dev/null || { echo 'etcdctl cannot read it' >&2; exit 1; }; fi
`
