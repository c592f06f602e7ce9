import { expect, test } from '@jest/globals'
import { cloudUi } from './run-page.ts'

test.each<[string, string | undefined]>([
  ['prod.a2dd6.tmprl.cloud:7233', 'https://cloud.temporal.io'],
  ['us-east-1.aws.api.temporal.io:7233', 'https://cloud.temporal.io'],
  ['temporal:7233', undefined],
  ['tmprl.cloud.example.org:7233', undefined],
])('the UI of %s', (address, ui) => {
  expect(cloudUi(address)).toBe(ui)
})
