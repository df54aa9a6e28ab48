// SPDX-License-Identifier: Apache-2.0
// What a look at the cluster comes to: the waste of any room, as the live scheduler asks it. Made from the look alone
// and never changed but for what it remembers, so that the same look gives the same answers anywhere.
import type { NodeView, VendorView } from '../node.js';
import { type AskedRow, type FleetRow, type Look, NO_LOOK } from './look.js';
import { type DeviceKind, shapeOf } from './asked.js';
import { outlookOf, weightsFor } from './kerf.js';
import { mixOf } from './mix.js';
import { isPristine, openingCosts } from './opening.js';
import type { Packing } from './packing.js';
import { RoomMemo } from './room-memo.js';
import type { Kind, Room, Shape } from './shape.js';
import { type Outlook, wasteOf } from './waste.js';

/** Models are bits of one 32-bit number; those beyond share the last, which no choice of models allows. */
const MOST_MODELS = 30;
/** 2^18 places of 8 devices are 12 MB. All are forgotten rather than moved to more: that would stall whoever asks. */
const MOST_STATES = 1 << 17;
/** Rooms of more devices are worked out each time. */
const MOST_REMEMBERED = 16;

export class Prospect implements Packing {
  readonly look: Look;
  readonly version: number;
  /** Frequent first. */
  readonly shapes: readonly Shape[];
  /** True once a node was asked about that is of no kind of this look: time for another. */
  isOutdated = false;
  readonly #models: readonly DeviceKind[];
  readonly #kinds = new Map<string, Map<number, Kind>>();
  #askedVendor: string | null = null;
  #askedModel = '';
  #asked: Map<number, Kind> | undefined;
  readonly #outlook: Outlook;
  readonly #costs: ReadonlyMap<Kind, number>;
  readonly #memo: RoomMemo;
  /** The most that any room remembered has. */
  readonly #devices: number;

  constructor(look: Look, version: number) {
    this.look = look;
    this.version = version;
    this.#models = modelsOf(look.fleet);
    for (const row of look.fleet) this.#putKind(row);
    const { shapes, counts } = shapesOf(look.asked, this.#models);
    const mix = mixOf(shapes, counts);
    this.#outlook = outlookOf(mix, weightsFor(look.turnover));
    this.shapes = mix;
    const kinds = [...this.#kinds.values()].flatMap((byCpu) => [...byCpu.values()]);
    this.#costs = openingCosts(kinds, mix, this.#outlook.weights.opening);
    this.#devices = look.fleet.reduce((most, { gpus }) => Math.max(most, Math.min(gpus, MOST_REMEMBERED)), 1);
    const nodes = look.fleet.reduce((sum, row) => sum + row.nodes, 0);
    this.#memo = new RoomMemo(this.#devices, (room) => wasteOf(room, this.#outlook), {
      size: sizeFor(nodes),
      most: MOST_STATES,
    });
  }

  kindOf({ cpu }: NodeView, { devices }: VendorView): Kind {
    const device = devices[0]?.device;
    const [vendor, model] = [device?.vendor ?? '', device?.model ?? ''];
    const known = this.#kindsOf(vendor, model)?.get(keyOf(cpu.allocatable, devices.length));
    if (known !== undefined) return known;
    this.isOutdated = true;
    const row = { vendor, model, memoryMiB: 0, cpuMilli: cpu.allocatable, gpus: devices.length, nodes: 0 };
    return this.#putKind(row);
  }

  /** Whoever asks about many nodes asks about the same model, mostly. */
  #kindsOf(vendor: string, model: string): Map<number, Kind> | undefined {
    if (this.#askedVendor === vendor && this.#askedModel === model) return this.#asked;
    this.#askedVendor = vendor;
    this.#askedModel = model;
    return (this.#asked = this.#kinds.get(vendor + model));
  }

  /** Rooms remembered. */
  get states(): number {
    return this.#memo.states;
  }

  wasteOf(room: Room): number {
    return room.gpuMilli.length > this.#devices ? wasteOf(room, this.#outlook) : this.#memo.of(room);
  }

  openingOf(room: Room): number {
    return isPristine(room) ? (this.#costs.get(room.kind) ?? 0) : 0;
  }

  #putKind({ vendor, model, cpuMilli, gpus, nodes }: FleetRow): Kind {
    const byCpu = this.#kinds.get(vendor + model) ?? new Map<number, Kind>();
    this.#kinds.set(vendor + model, byCpu);
    this.#askedVendor = null;
    const key = keyOf(cpuMilli, gpus);
    const before = byCpu.get(key)?.nodes ?? 0;
    const at = this.#models.findIndex((kind) => kind.vendor === vendor && kind.model === model);
    const kind = {
      cpuMilli,
      memoryMiB: 0,
      gpus,
      model: at < 0 ? MOST_MODELS : at,
      nodes: before + nodes,
    };
    byCpu.set(key, kind);
    return kind;
  }
}

/** So that it seldom grows while somebody waits. */
const sizeFor = (nodes: number): number =>
  1 << Math.min(18, Math.max(12, Math.ceil(Math.log2(nodes + 1)) + 6));

export const NO_PROSPECT = new Prospect(NO_LOOK, 0);

/** As long as a node has fewer than 1024 devices, each pair its own. */
const keyOf = (cpuMilli: number, gpus: number): number => cpuMilli * 1024 + gpus;

function modelsOf(fleet: readonly FleetRow[]): readonly DeviceKind[] {
  const models = new Map<string, DeviceKind>();
  for (const { vendor, model, memoryMiB } of fleet) {
    const known = models.get(vendor + model);
    const least = Math.min(memoryMiB, known?.memoryMiB ?? memoryMiB);
    models.set(vendor + model, { vendor, model, memoryMiB: least });
  }
  const names = [...models.keys()].sort();
  return names.slice(0, MOST_MODELS).map((name) => models.get(name) as DeviceKind);
}

/** Different pods may have one shape in this fleet. */
function shapesOf(
  asked: readonly AskedRow[],
  models: readonly DeviceKind[],
): { readonly shapes: readonly Shape[]; readonly counts: readonly number[] } {
  const rows = new Map<string, { readonly shape: Shape; count: number }>();
  for (const row of asked) {
    const shape = shapeOf(row.asked, models);
    const key = `${shape.cpuMilli} ${shape.gpus} ${shape.gpuMilli} ${shape.models}`;
    const known = rows.get(key);
    if (known === undefined) rows.set(key, { shape, count: row.count });
    else known.count += row.count;
  }
  const all = [...rows.values()];
  return { shapes: all.map(({ shape }) => shape), counts: all.map(({ count }) => count) };
}
