export interface Beginning {
  readonly name: string
  readonly title: string
  /** Directory of the JSON Schemas, as seen from the file. */
  readonly schemas: string
}

const hint = (schemas: string, file: string): string =>
  `# yaml-language-server: $schema=${[...(schemas === '' ? [] : [schemas]), file].join('/')}`

/** A small runbook that works as it is: the shape that all of them have. */
export function newRunbook({ name, title, schemas }: Beginning): string {
  return `${hint(schemas, 'runbook.schema.json')}
runbook: 1
name: ${name} # also the type of the workflow
title: ${JSON.stringify(title)}
description: |
  When to use it, what it needs, what it leaves behind.

inputs:
  cluster: { type: cluster, description: The cluster }
  member: { type: member, description: The member to restart }
  soak: { type: duration, default: 10s, description: How long it must stay healthy afterwards }

# The run holds this cluster's lock.
cluster: \${{ inputs.cluster }}

steps:
  # Look first. While nothing was changed, a failure simply ends the run.
  - id: before
    uses: etcd.inspect
    with: { cluster: '\${{ inputs.cluster }}' }
    onFailure: fail

  # Refuse early, and say what to do instead.
  - name: the cluster can spare the member
    onFailure: fail
    assert:
      - that: steps.before.members.exists(m, m.name == inputs.member)
        else: '\${{ inputs.cluster }} has no member \${{ inputs.member }}.'
      - that: steps.before.healthy && steps.before.margin >= 1
        else: "\${{ inputs.cluster }} cannot spare a member now: \${{ steps.before.problems.join(' ') }}"
      - that: steps.before.leader != inputs.member
        else: '\${{ inputs.member }} leads; choose another, or move the leadership first.'

  # A value with a name, read as vars.host.
  - set:
      host: '\${{ steps.before.byName[inputs.member].host }}'

  # Each change says what takes it back. A failure pauses the run, and a person decides.
  - id: stop
    uses: service.stop
    with: { cluster: '\${{ inputs.cluster }}', host: '\${{ vars.host }}' }
    undo:
      - uses: service.start
        with: { cluster: '\${{ inputs.cluster }}', host: '\${{ vars.host }}' }

  - id: start
    uses: service.start
    with: { cluster: '\${{ inputs.cluster }}', host: '\${{ vars.host }}' }

  # After each change wait until it is seen to be good, and stays so.
  - id: well
    gate: etcd.inspect
    with: { cluster: '\${{ inputs.cluster }}' }
    until: gate.healthy && gate.agree
    stable: \${{ inputs.soak }}
    every: 1s
    timeout: 5m
    else: '\${{ inputs.cluster }} did not become healthy again'

outputs:
  host: \${{ vars.host }}
`
}

/** Tests of \`newRunbook\`: the good way, a refusal, and a failure that is taken back. */
export function newTest({ name, schemas }: Beginning): string {
  return `${hint(schemas, 'runbook-test.schema.json')}
# Run by \`quorate test ${name}.test.yaml\`. Nothing is touched: actions answer what stands under "given".

# For all tests; a test's own are laid over them.
inputs: { cluster: demo, member: etcd-2 }

given:
  # What is not said of the cluster is as on one that is well.
  etcd.inspect:
    members:
      - { name: etcd-1, host: host-1, isLeader: true }
      - { name: etcd-2, host: host-2 }
      - { name: etcd-3, host: host-3 }

tests:
  - name: a follower is stopped and started
    expect:
      # In this order, and no other changes.
      changes:
        - service.stop: { cluster: demo, host: host-2 }
        - service.start: { host: host-2 }
      outputs: { host: host-2 }

  - name: the leader is left alone
    inputs: { member: etcd-1 }
    expect: { end: failed, message: etcd-1 leads, changes: [] }

  - name: nothing is stopped while another member is down
    given:
      etcd.inspect: { members: [{ name: etcd-1 }, { name: etcd-2 }, { name: etcd-3, reachable: false }] }
    expect: { end: failed, message: cannot spare a member now, never: [service.stop] }

  - name: when it does not start again, it can be taken back
    given:
      start: { fails: 'the disk of host-2 is full' }
    decide: [rollback: start]
    expect:
      end: rolledBack
      waits: [{ at: start, failure: disk of host-2 is full, offers: [retry, rollback, abort] }]
`
}
