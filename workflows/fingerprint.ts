import type { Fingerprint, FingerprintMember } from './plan.ts'

/** What is not any more as it was when a plan was made, a clause each; empty when nothing differs. */
export function whatDiffers(planned: Fingerprint, now: Fingerprint): readonly string[] {
  return [
    ...changed('the cluster ID', planned.clusterId, now.clusterId),
    ...memberNames(planned, now).flatMap((name) =>
      memberDiffers(name, named(planned, name), named(now, name)),
    ),
    ...changed('the list of alarms', planned.alarms.join(', '), now.alarms.join(', ')),
    ...changed('the downgrade under way', planned.downgradeTo, now.downgradeTo),
    ...(planned.inventory === now.inventory ? [] : ['the inventory says something else of the cluster']),
  ]
}

function memberDiffers(name: string, was?: FingerprintMember, is?: FingerprintMember): readonly string[] {
  if (was === undefined) return [`${name} was added`]
  if (is === undefined) return [`${name} is gone`]
  const yes = (flag: boolean, word: string, otherwise: string): string => (flag ? word : otherwise)
  return [
    ...changed(`the ID of ${name}`, was.id, is.id),
    ...changed(`the host of ${name}`, was.host, is.host),
    ...changed(`what ${name} is reached at by its peers`, was.peerUrls.join(', '), is.peerUrls.join(', ')),
    ...changed(name, yes(was.learner, 'a learner', 'a voter'), yes(is.learner, 'a learner', 'a voter')),
    ...changed(name, yes(was.answers, 'answering', 'silent'), yes(is.answers, 'answering', 'silent')),
    // One that is silent tells no version; that it is silent was said.
    ...(was.answers && is.answers ? changed(`the version of ${name}`, was.version, is.version) : []),
  ]
}

const changed = (what: string, was: string, is: string): readonly string[] =>
  was === is ? [] : [`${what} was ${was || 'none'} and is ${is || 'none'}`]

const named = ({ members }: Fingerprint, name: string): FingerprintMember | undefined =>
  members.find((member) => member.name === name)

const memberNames = (...prints: readonly Fingerprint[]): readonly string[] => [
  ...new Set(prints.flatMap(({ members }) => members.map(({ name }) => name))),
]
