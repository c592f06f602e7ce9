import { z } from 'zod'
import { defineAction } from '../action.ts'
import { jobKey } from '../host/job-key.ts'
import { clusterNamed, layoutOn } from '../inventory/look-up.ts'
import { hasUnit } from './check.ts'
import { onEveryHost } from './hosts-of.ts'
import { unitText } from './unit-text.ts'

const input = { cluster: z.string().describe('The cluster that is to be made') }

export const bootstrapUnit = defineAction({
  name: 'etcd.bootstrap.unit',
  title: 'have systemd know etcd',
  doc: "Installs a unit for etcd on every member's host whose service manager is systemd and that has none of that name: told of readiness, restarted when it fails, confined to what etcd needs. A unit that is there stays as it is.",
  effect: 'change',
  subject: ['cluster'],
  input: z.strictObject({
    ...input,
    users: z.record(z.string(), z.string()).describe('Whom etcd runs as, by host').default({}),
  }),
  output: z.strictObject({ installedOn: z.array(z.string()).describe('Hosts that had none') }),
  example: { cluster: 'demo', users: { 'host-1': 'etcd' } },
  run: async ({ cluster: name, users }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    const installed = await onEveryHost(cluster, async (host) => {
      const layout = layoutOn(cluster, host)
      const { service } = layout
      if (service.manager !== 'systemd') return []
      const remote = context.host(host)
      const mark = `${directory}/${service.unit}.quorate-${context.run.key}`
      const argv = ['test', '-e', mark]
      const own = (await remote.exec({ reads: true, argv, privileged: true })).code === 0
      if (!own && (await hasUnit(remote, service.unit))) return []
      const text = unitText({ cluster: name, layout, user: users[host] || 'etcd' })
      const words = [`${directory}/${service.unit}`, mark]
      await remote.job(
        jobKey(context),
        { argv: ['sh', '-c', installScript, 'unit', ...words], stdin: text },
        { signal: context.signal },
      )
      return [host]
    })
    return { installedOn: installed.flat() }
  },
})

export const bootstrapUnitRemove = defineAction({
  name: 'etcd.bootstrap.unit.remove',
  title: 'take the units away again',
  doc: 'Takes away the units for etcd that this run installed, and no others: the opposite of etcd.bootstrap.unit.',
  effect: 'change',
  subject: ['cluster'],
  input: z.strictObject(input),
  output: z.strictObject({ done: z.boolean().describe('Always true') }),
  example: { cluster: 'demo' },
  run: async ({ cluster: name }, context) => {
    const cluster = clusterNamed(context.inventory, name)
    await onEveryHost(cluster, async (host) => {
      const { service } = layoutOn(cluster, host)
      if (service.manager !== 'systemd') return
      const path = `${directory}/${service.unit}`
      const argv = [
        'sh',
        '-c',
        removeScript,
        'unit',
        path,
        `${path}.quorate-${context.run.key}`,
        service.unit,
      ]
      await context.host(host).job(jobKey(context), { argv }, { signal: context.signal })
    })
    return { done: true }
  },
})

/** For what the administrator puts there. Source: systemd.unit(5), "Unit File Load Path". */
const directory = '/etc/systemd/system'

/** Arguments: unit, mark. The mark says that this run made it. */
const installScript = String.raw`
: >"$2" && cat >"$1.quorate-new" && chmod 0644 "$1.quorate-new" && mv "$1.quorate-new" "$1" && systemctl daemon-reload
`

/** Arguments: unit's path, mark, unit. */
const removeScript = String.raw`
[ -e "$2" ] || exit 0
systemctl disable "$3" 2>/dev/null
rm -f "$1" "$2" "$1.d/90-quorate-fence.conf" && { rmdir "$1.d" 2>/dev/null; systemctl daemon-reload; }
`
