// SPDX-License-Identifier: Apache-2.0
// A machine with one fake GPU, and the ways of running a program on it: bare, in a slice of ours, in one of the peer's.
import { milliCores } from '../../src/core/units.js';
import { BUILT, buildNative } from '../../test/native/build.js';
import { Machine, type Slice } from '../../test/native/slice.js';
import type { Peer } from '../peer/hami-core.js';

export type Kind = 'bare' | 'kerf' | 'kerf limited' | 'peer';

/** More than any bench takes. */
const MIB = 131_072;
/** A limit that a launch loop on one processor does not reach: what is measured is the path, not the waiting. */
const SHARE_PERMILLE = 900;

interface Way {
  readonly slice: Slice;
  readonly env: Readonly<Record<string, string>>;
}

export class Stage {
  private readonly machine: Machine;
  private readonly ways: ReadonlyMap<Kind, Way>;

  constructor(peer: Peer | null) {
    buildNative();
    this.machine = new Machine('H200-141G');
    const gpu = this.machine.gpu(0);
    const bare = this.machine.slice({ gpu, mib: MIB });
    bare.remove('preload');
    bare.remove('limits');
    const limited = { gpu, mib: MIB, compute: { cores: milliCores(SHARE_PERMILLE) } };
    this.ways = new Map<Kind, Way>([
      ['bare', { slice: bare, env: {} }],
      ['kerf', { slice: this.machine.slice({ gpu, mib: MIB }), env: {} }],
      ['kerf limited', { slice: this.machine.slice(limited), env: {} }],
      ...peerWays(bare, peer),
    ]);
  }

  has(kind: Kind): boolean {
    return this.ways.has(kind);
  }

  /** What the program says on its last line; `bin/…` is what the build left there. */
  run(kind: Kind, argv: readonly string[]): string {
    const way = this.ways.get(kind);
    if (way === undefined) throw new Error(`bug: no way ${kind}`);
    const command = argv.map((word) => (word.startsWith('bin/') ? `${BUILT}/${word}` : word));
    // The variables are for the program: a preload in ours would be one of the shell's that mounts the slice.
    const variables = Object.entries(way.env).map(([name, value]) => `${name}=${value}`);
    const ran = way.slice.run([...(variables.length > 0 ? ['env', ...variables] : []), ...command]);
    if (ran.status !== 0)
      throw new Error(`${kind}: ${argv.join(' ')} ended with ${ran.status}: ${ran.stderr}`);
    return ran.stdout.trim().split('\n').at(-1) ?? '';
  }

  end(): void {
    this.machine.end();
  }
}

function peerWays(slice: Slice, peer: Peer | null): readonly [Kind, Way][] {
  if (peer === null) return [];
  return [['peer', { slice, env: peer.env({ mib: MIB, percent: 0 }) }]];
}
