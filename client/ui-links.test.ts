import { expect, test } from '@jest/globals'
import { cloudUi, uiLinks } from './ui-links.ts'

test('what is in a link is what was meant, whatever it is made of', () => {
  const links = uiLinks({ base: 'http://localhost:8233/', namespace: 'my space', taskQueue: 'quorate' })
  expect(links.run('backup/prod a')).toBe(
    'http://localhost:8233/namespaces/my%20space/workflows/backup%2Fprod%20a',
  )
  const form = new URL(links.start('etcd-backup', 'a&b=c'))
  expect(form.pathname).toBe('/namespaces/my%20space/workflows/start-workflow')
  expect(Object.fromEntries(form.searchParams)).toEqual({
    ...{ workflowId: 'a&b=c', taskQueue: 'quorate', workflowType: 'etcd-backup' },
  })
})

test.each<[string, string | undefined]>([
  ['prod.a2dd6.tmprl.cloud:7233', 'https://cloud.temporal.io'],
  ['us-east-1.aws.api.temporal.io:7233', 'https://cloud.temporal.io'],
  ['temporal:7233', undefined],
  ['tmprl.cloud.example.org:7233', undefined],
])('the UI of %s', (address, ui) => {
  expect(cloudUi(address)).toBe(ui)
})
