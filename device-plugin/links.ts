// SPDX-License-Identifier: Apache-2.0
// How this node's devices are linked: asked of the driver when the devices change and now and then, told in the inventory.
import type { DeviceProbe, Peers, ProbedDevice } from '../src/adapters/probes/contract.js';
import type { LinkTriangle, LinkWord } from '../src/wire/links.js';
import type { NodeDevice } from './node-device.js';

/** A link that breaks on devices that stay well is seen within so many looks: it costs hundreds of questions. */
const LOOKS_BETWEEN = 12;

export class LinkWatch {
  private readonly known = new Map<string, ReadonlyMap<string, LinkWord>>();
  private asked = '';
  private looks = 0;

  constructor(
    private readonly probe: Pick<DeviceProbe, 'peers'>,
    private readonly onFault: (fault: unknown) => void,
  ) {}

  /** Throws nothing: what the driver does not tell stays as it was known. */
  async look(devices: readonly ProbedDevice[]): Promise<Peers> {
    const sight = devices.map(({ uuid, error }) => `${uuid} ${error}`).join();
    this.looks += 1;
    if (sight === this.asked && this.looks <= LOOKS_BETWEEN) return this.known;
    this.asked = sight;
    this.looks = 0;
    try {
      this.take(await this.probe.peers());
    } catch (fault) {
      this.onFault(fault);
    }
    return this.known;
  }

  /** A lost device tells nothing of its links; they are still where they were. */
  private take(told: Peers): void {
    for (const [id, peers] of told) this.known.set(id, new Map([...(this.known.get(id) ?? []), ...peers]));
  }
}

/** For the inventory; null where nothing is known of any pair. `devices` stand in order of index. */
export function linksOf(devices: readonly NodeDevice[]): LinkTriangle | null {
  const pairs = devices
    .slice(0, -1)
    .map((one, at) => devices.slice(at + 1).map((other) => [one, other] as const));
  const isKnown = pairs.flat().some(([one, other]) => knownWord(one, other) !== undefined);
  return isKnown
    ? pairs.map((row) => row.map(([one, other]) => knownWord(one, other) ?? guess(one, other)))
    : null;
}

const knownWord = (one: NodeDevice, other: NodeDevice): LinkWord | undefined =>
  one.peers.get(other.id) ?? other.peers.get(one.id);

/** The least that can be said of a pair. */
const guess = (one: NodeDevice, other: NodeDevice): LinkWord =>
  one.numa !== null && one.numa === other.numa ? 'NODE' : 'SYS';
