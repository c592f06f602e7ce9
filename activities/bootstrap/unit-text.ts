import type { EtcdLayout } from '../../dsl/inventory.ts'

interface UnitAsked {
  readonly cluster: string
  readonly layout: EtcdLayout
  readonly user: string
}

/**
 * A systemd unit that runs a member: told of its readiness, restarted when it fails, the last that the kernel
 * kills for memory, and confined to what etcd needs. Flags for the format `unit` are added afterwards. Pure.
 * Source: systemd.service(5), systemd.exec(5); etcd's hardware and tuning guides.
 */
export function unitText({ cluster, layout, user }: UnitAsked): string {
  const { binDir, config, clientPort, peerPort } = layout
  const low = Math.min(clientPort, peerPort) < 1024
  return `# Runs a member of the etcd cluster ${cluster}. Written by Quorate when the cluster was made; yours to change.

[Unit]
Description=etcd (${cluster})
Documentation=https://etcd.io/docs/
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
User=${user}
${config.format === 'environment' ? `EnvironmentFile=${config.path}\n` : ''}ExecStart=${binDir}/etcd${config.format === 'yaml' ? ` --config-file=${config.path}` : ''}
Restart=on-failure
RestartSec=5
# It is ready once it has found a quorum, which after a power cut can take as long as the slowest host.
TimeoutStartSec=120
LimitNOFILE=65536
OOMScoreAdjust=-900

${low ? 'AmbientCapabilities=CAP_NET_BIND_SERVICE\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE' : 'CapabilityBoundingSet='}
LockPersonality=yes
NoNewPrivileges=yes
${privacy(layout)}PrivateDevices=yes
ProtectControlGroups=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectSystem=full
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictSUIDSGID=yes
UMask=0077

[Install]
WantedBy=multi-user.target
`
}

/** Places that a unit of its own would hide are not hidden from a member that lives there. */
function privacy({ dataDir, binDir, config }: EtcdLayout): string {
  const within = (...places: string[]) =>
    [dataDir, binDir, config.path].some((path) => places.some((place) => path.startsWith(`${place}/`)))
  return [
    ...(within('/home', '/root', '/run/user') ? [] : ['ProtectHome=yes\n']),
    ...(within('/tmp', '/var/tmp') ? [] : ['PrivateTmp=yes\n']),
  ].join('')
}
