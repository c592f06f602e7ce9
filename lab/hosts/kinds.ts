import type { HostFile } from './host-files.ts'
import { clientPort, dataDir, environmentFile, flagsText, tlsSettings } from './member.ts'
import type { HostsLabRecord, LabHostKind, RecordedHost } from './record.ts'

/** What makes a host one of its kind, before it is booted. No member is configured by this. */
export function kindFiles(lab: HostsLabRecord, { kind }: RecordedHost): readonly HostFile[] {
  switch (kind) {
    case 'systemd':
      return [{ path: `${lab.unitDirectory.slice(1)}/etcd.service`, text: etcdUnit }]
    case 'docker':
      return [{ path: 'etc/docker/daemon.json', text: dockerSettings }]
    case 'supervise':
      return [
        { path: 'etc/systemd/system/svscan.service', text: svscanUnit },
        { path: 'etc/service/etcd/run', text: superviseRun(lab), mode: 0o755 },
        // Not to be started before it is a member.
        { path: 'etc/service/etcd/down', text: '' },
      ]
    case 'script':
      return scripts(lab)
    case 'haproxy':
      return [{ path: 'etc/haproxy/haproxy.cfg', text: haproxySettings(lab) }]
  }
}

/** Units that are enabled on a host of the kind, beside SSH and the network. */
export function enabledUnits(lab: HostsLabRecord, { kind, name }: RecordedHost): readonly string[] {
  switch (kind) {
    case 'systemd':
      return Object.values(lab.members).includes(name) ? [`${lab.unitDirectory}/etcd.service`] : []
    case 'docker':
      return ['/usr/lib/systemd/system/containerd.service', '/usr/lib/systemd/system/docker.service']
    case 'supervise':
      return ['/etc/systemd/system/svscan.service']
    case 'script':
      return []
    case 'haproxy':
      return ['/usr/lib/systemd/system/haproxy.service']
  }
}

/** How the inventory says that etcd is run and configured on a host of the kind; undefined where none is. */
export function etcdOnKind(kind: LabHostKind): object | undefined {
  switch (kind) {
    case 'systemd':
      return {}
    case 'docker':
      return {
        service: { manager: 'docker', container: 'etcd' },
        config: { format: 'yaml', path: '/etc/etcd/etcd.yaml' },
      }
    case 'supervise':
      return {
        service: { manager: 'supervise', directory: '/etc/service/etcd' },
        config: { format: 'script', path: '/etc/service/etcd/run' },
      }
    case 'script':
      return {
        service: {
          manager: 'script',
          log: '/var/log/etcd.log',
          ...Object.fromEntries(
            ['start', 'stop', 'status', 'enable', 'disable'].map((verb) => [
              verb,
              [`${scriptsDir}/etcd-${verb}`],
            ]),
          ),
        },
        config: { format: 'script', path: `${scriptsDir}/etcd-start` },
      }
    case 'haproxy':
      return undefined
  }
}

const scriptsDir = '/usr/local/sbin'

const etcdUnit = `[Unit]
Description=etcd
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
User=etcd
EnvironmentFile=${environmentFile}
ExecStart=/opt/etcd/current/etcd
Restart=on-failure
RestartSec=1
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
`

/** Containers use the host's network: dockerd need not touch it. */
const dockerSettings = `${JSON.stringify({ iptables: false, ip6tables: false, bridge: 'none' }, null, 2)}\n`

const svscanUnit = `[Unit]
Description=daemontools

[Service]
ExecStart=/usr/bin/svscan /etc/service
Restart=always

[Install]
WantedBy=multi-user.target
`

const skeleton = (lab: HostsLabRecord): string => flagsText({ 'data-dir': dataDir, ...tlsSettings(lab) })

const superviseRun = (lab: HostsLabRecord): string => `#!/bin/sh
exec 2>&1
exec setuidgid etcd /opt/etcd/current/etcd \\
  ${skeleton(lab)}
`

function scripts(lab: HostsLabRecord): HostFile[] {
  return Object.entries({
    'etcd-start': `#!/bin/sh
# Starts etcd in the background.
[ ! -e /etc/etcd/disabled ] || { echo "etcd is disabled on this host: run etcd-enable first" >&2; exit 4; }
! ${scriptsDir}/etcd-status >/dev/null || exit 0
cd /
setsid setpriv --reuid=etcd --regid=etcd --clear-groups /opt/etcd/current/etcd \\
  ${skeleton(lab)} \\
  </dev/null >>/var/log/etcd.log 2>&1 &
echo $! >/run/etcd.pid
`,
    'etcd-stop': `#!/bin/sh
# Stops etcd; returns when it is gone.
pid=$(cat /run/etcd.pid 2>/dev/null) || exit 0
kill "$pid" 2>/dev/null
waited=0
while kill -0 "$pid" 2>/dev/null; do
  [ "$waited" -lt 200 ] || { echo "etcd (process $pid) does not end" >&2; exit 1; }
  waited=$((waited + 1))
  sleep 0.1
done
rm -f /run/etcd.pid
`,
    'etcd-status': `#!/bin/sh
# Exits 0 while etcd runs, 3 while it does not.
pid=$(cat /run/etcd.pid 2>/dev/null) || exit 3
[ "$(cat "/proc/$pid/comm" 2>/dev/null)" = etcd ] || exit 3
`,
    'etcd-enable': '#!/bin/sh\nrm -f /etc/etcd/disabled\n',
    'etcd-disable': '#!/bin/sh\ntouch /etc/etcd/disabled\n',
  }).map(([name, text]) => ({ path: `${scriptsDir.slice(1)}/${name}`, text, mode: 0o755 }))
}

/** The certificates go through as they are: clients see the members' own. */
function haproxySettings(lab: HostsLabRecord): string {
  const servers = Object.entries(lab.members).flatMap(([member, on]) =>
    lab.hosts
      .filter(({ name }) => name === on)
      .map(({ address }) => `  server ${member} ${address}:${clientPort} check\n`),
  )
  return `global
  maxconn 2000

defaults
  mode tcp
  timeout connect 2s
  timeout client 5m
  timeout server 5m

frontend clients
  bind :${clientPort}
  default_backend etcd

backend etcd
  balance roundrobin
  default-server inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
${servers.join('')}`
}
