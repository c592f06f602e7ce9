// swc turns the sources (and the ESM-only packages named below) into CommonJS inside Jest.
const esmOnly = ['@marcbachmann/cel-js', 'age-encryption', '@noble', '@scure']

export default {
  testEnvironment: 'node',
  testSequencer: '<rootDir>/test/sequencer.cjs',
  roots: [
    'dsl',
    'workflows',
    'rehearsal',
    'activities',
    'audit',
    'worker',
    'client',
    'cli',
    'lab',
    'runbooks',
    'test',
  ].map((room) => `<rootDir>/${room}`),
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: [],
  transform: {
    '^.+\\.(ts|mjs|js)$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } },
    ],
  },
  // Jest's own 5 s pass while a busy machine compiles what a test imports.
  testTimeout: 30_000,
  transformIgnorePatterns: [`/node_modules/(?!(${esmOnly.join('|')})/)`],
}
