import { expect, test } from '@jest/globals'
import { uiLinks } from './ui-links.ts'

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
