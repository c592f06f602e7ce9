import { readFile, stat } from 'node:fs/promises'
import { passwordOf } from '../activities/etcd/token.ts'
import { secrets } from '../activities/redact/secrets.ts'
import type { Inventory } from '../dsl/inventory.ts'
import type { Channels } from './channels.ts'
import type { Configuration, Environment } from './configuration.ts'

/** From now on nothing of this leaves the worker: what its environment and its settings hold that is secret. */
export function learnSettings(environment: Environment, { temporal, audit }: Configuration): void {
  for (const [name, value = ''] of Object.entries(environment))
    if (secretName.test(name) && value.length >= leastGuessed) {
      secrets.addLines(name, value)
      secrets.add(name, value)
    }
  if (temporal.apiKey !== undefined) secrets.add('TEMPORAL_API_KEY', temporal.apiKey)
  const key = typeof temporal.tls === 'object' ? temporal.tls.clientCertPair?.key : undefined
  if (key) secrets.addLines('TEMPORAL_TLS_CLIENT_KEY', Buffer.from(key).toString('latin1'))
  for (const [name, value] of Object.entries(temporal.metadata ?? {}))
    secrets.add(`Temporal's header ${name}`, Buffer.from(value).toString())
  learnAddress('QUORATE_AUDIT', audit)
}

/**
 * Whatever the inventory refers to that is secret: hosts may print it before it is used for the first time. What
 * cannot be read is said where it is needed.
 */
export async function learnInventory(inventory: Inventory): Promise<Inventory> {
  const { hosts, clusters } = inventory
  const files = [
    ...Object.values(hosts).map(({ name, ssh }) => [`ssh.identity of ${name}`, ssh.identity] as const),
    ...Object.values(clusters).flatMap(({ name, tls, backup }) => [
      [`clusters.${name}.tls.key`, tls?.key] as const,
      ['age identity', backup?.identity] as const,
    ]),
  ]
  await Promise.all([
    ...files.map(([name, file]) => learnFile(name, file)),
    ...Object.values(clusters).map(({ name, auth }) => auth && passwordOf(name, auth).catch(() => undefined)),
  ])
  return inventory
}

/** By path, when it was last changed. */
const read = new Map<string, number>()

async function learnFile(name: string, file: string | undefined): Promise<void> {
  if (file === undefined) return
  const changedMs = (await stat(file).catch(() => undefined))?.mtimeMs
  if (changedMs === undefined || read.get(file) === changedMs) return
  const text = await readFile(file, 'latin1').catch(() => undefined)
  if (text === undefined) return
  secrets.addLines(name, text)
  read.set(file, changedMs)
}

/** What is secret of a channel is its address: whoever has it may post there. */
export function learnChannels(channels: Channels): Channels {
  for (const [name, address] of Object.entries(channels)) learnAddress(`channel ${name}`, address)
  return channels
}

const secretName = /(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|KEY_DATA)$/i
/** It is taken for a secret by its variable's name, and `simple` and `enabled` are none. */
const leastGuessed = 8

/** A shorter one is a word that stands in other places, too. */
const leastPath = 16

function learnAddress(name: string, address: string): void {
  if (!/^[a-z]+:\/\//.test(address) || address.startsWith('file:')) return
  const { password, pathname, search, hash } = new URL(address)
  secrets.add(name, decodeURIComponent(password))
  secrets.add(name, password)
  if (!address.startsWith('http')) return
  secrets.add(name, address)
  const path = `${pathname}${search}${hash}`
  if (path.length >= leastPath) secrets.add(name, path)
}
