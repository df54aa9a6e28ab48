// SPDX-License-Identifier: Apache-2.0
// `npm run protos [folder]`: compiles the .proto files beside this file into `generated` (or the folder given).
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const bin = resolve(here, '../../../../node_modules/.bin');
const out = resolve(process.argv[2] ?? join(here, 'generated'));
const FILES = ['deviceplugin.proto', 'podresources.proto', 'runtime.proto'];
// forceLong=number: no field here passes 2^53, and Long objects fail to serialise from plain ones.
const OPTIONS = [
  'outputServices=grpc-js',
  'env=node',
  'esModuleInterop=true',
  'importSuffix=.js',
  'forceLong=number',
  'outputJsonMethods=false',
  'outputPartialMethods=false',
  'useExactTypes=false',
  'annotateFilesWithVersion=false',
];

mkdirSync(out, { recursive: true });
execFileSync(
  join(bin, 'protoc'),
  [
    `--plugin=protoc-gen-ts_proto=${join(bin, 'protoc-gen-ts_proto')}`,
    `--ts_proto_out=${out}`,
    `--ts_proto_opt=${OPTIONS.join(',')}`,
    `--proto_path=${here}`,
    ...FILES,
  ],
  { stdio: 'inherit' },
);
