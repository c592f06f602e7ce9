import type { Cluster, EtcdLayout } from '../../dsl/inventory.ts'
import { readSettings } from '../etcd/config-file.ts'
import { passwordOf } from '../etcd/token.ts'
import { ActionError } from '../failure.ts'
import type { RemoteHost } from '../ssh/remote-host.ts'

/** How etcdctl on a member's own host gets in. */
export interface EtcdctlAccess {
  readonly flags: readonly string[]
  /** `USER:PASSWORD`, for stdin and never for an argument; "" without access control. */
  readonly login: string
}

/**
 * etcdctl shows the certificate that etcd itself has there: no key of Quorate's ever lies on a host. (etcd asks of its
 * own certificate to be good for clients too, because its gateway shows it.) Throws `ActionError` when there is none.
 */
export async function etcdctlAccess(
  host: RemoteHost,
  cluster: Cluster,
  layout: EtcdLayout,
): Promise<EtcdctlAccess> {
  const { auth, name } = cluster
  const login = auth ? `${auth.user}:${await passwordOf(name, auth)}` : ''
  return { login, flags: layout.scheme === 'https' ? await certificateFlags(host, layout) : [] }
}

async function certificateFlags(host: RemoteHost, layout: EtcdLayout): Promise<readonly string[]> {
  const settings = await readSettings(host, layout)
  const ca = settings?.get('trusted-ca-file')
  const cert = settings?.get('client-cert-file') ?? settings?.get('cert-file')
  const key = settings?.get('client-key-file') ?? settings?.get('key-file')
  if (!ca || !cert || !key) {
    throw new ActionError(
      `${layout.config.path} on ${host.name} does not name trusted-ca-file, cert-file and key-file, so etcdctl cannot speak TLS there. Add what is missing.`,
    )
  }
  return [`--cacert=${ca}`, `--cert=${cert}`, `--key=${key}`]
}
