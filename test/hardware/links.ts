// SPDX-License-Identifier: Apache-2.0
// How this machine's devices are linked, as Kerf reads it, beside what nvidia-smi says:
//   node --import tsx test/hardware/links.ts [NVML library]
// Prints both tables on stderr and one JSON line on stdout: {"devices":8,"known":28,"pairs":28,"differs":[]}
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { peersOf } from '../../src/adapters/nvml/links.js';
import { nvmlProbe } from '../../src/adapters/nvml/probe.js';

const addonPath = fileURLToPath(new URL('../../native/build/nvml-addon/Release/nvml.node', import.meta.url));
const [library] = process.argv.slice(2);
const probe = nvmlProbe({ addonPath, ...(library === undefined ? {} : { library }) });
const rows = await probe.links();
await probe.close();

const peers = peersOf(rows);
const ours = rows.map((one, a) =>
  rows.map((other, b) => (a === b ? 'X' : (peers.get(one.uuid)?.get(other.uuid) ?? '?'))),
);
/** `GPU0  X  NV18 …` for each device; what stands behind the devices' columns is not ours. */
const smi = spawnSync('nvidia-smi', ['topo', '-m'], { encoding: 'utf8' });
const plain = smi.error || smi.status !== 0 ? '' : smi.stdout.replace(/\u001b\[\d*m/g, '');
const theirs = plain
  .split('\n')
  .filter((line) => /^GPU\d+\s/.test(line))
  .map((line) =>
    line
      .trim()
      .split(/\s+/)
      .slice(1, rows.length + 1),
  );

console.error(`Kerf:\n${ours.map((row, at) => [`GPU${at}`, ...row].join('\t')).join('\n')}`);
console.error(plain === '' ? 'nvidia-smi: not here' : `nvidia-smi topo -m:\n${plain}`);

const known = ours.flat().filter((word) => word !== 'X' && word !== '?').length / 2;
const differs = ours.flatMap((row, a) =>
  row.flatMap((word, b) =>
    theirs[a]?.[b] === undefined || theirs[a][b] === word
      ? []
      : [`GPU${a} GPU${b}: ${word}, not ${theirs[a][b]}`],
  ),
);
console.log(
  JSON.stringify({ devices: rows.length, known, pairs: (rows.length * (rows.length - 1)) / 2, differs }),
);
