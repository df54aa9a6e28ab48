// SPDX-License-Identifier: Apache-2.0
// The linter holds the size limits of docs/architecture.md; biome formats.
import tseslint from 'typescript-eslint';

const SIZES = {
  'max-lines': ['error', { max: 250, skipBlankLines: true, skipComments: true }],
  'max-lines-per-function': ['error', { max: 40, skipBlankLines: true, skipComments: true }],
  'max-depth': ['error', 3],
  'max-params': ['error', 3],
  complexity: ['error', 10],
};

export default tseslint.config(
  { ignores: ['node_modules/**', 'dist/**', '**/build/**', '**/protos/generated/**'] },
  ...tseslint.configs.recommended,
  { rules: { ...SIZES, eqeqeq: ['error', 'always'], '@typescript-eslint/no-explicit-any': 'error' } },
  // A test file is a list of cases: its describe blocks are long, its functions are not nested.
  {
    files: ['test/**', 'bench/**'],
    rules: {
      'max-lines-per-function': 'off',
      // The row of a table comes as arguments.
      'max-params': 'off',
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
    },
  },
);
