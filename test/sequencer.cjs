// The long suites first, so that the two workers end together. Others as Jest orders them.
const { default: Sequencer } = require('@jest/test-sequencer')

const longest = [
  'test/worker-crash',
  'test/cuts',
  'test/migrate',
  'cli/demo',
  'test/doors',
  'activities/ssh/copy',
  'activities/move',
  'test/refusals',
  'worker/worker',
]

// Each boots hosts of its own and runs whole procedures on them.
const onHosts = /\/(test|lab)\/hosts\//

const place = ({ path }) => {
  if (onHosts.test(path)) return -1
  const found = longest.findIndex((name) => path.includes(`/${name}.test.`))
  return found === -1 ? longest.length : found
}

module.exports = class extends Sequencer {
  sort(tests) {
    return super.sort(tests).toSorted((left, right) => place(left) - place(right))
  }
}
