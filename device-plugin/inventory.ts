// SPDX-License-Identifier: Apache-2.0
// Which devices there are and how they fare: asked of the driver now and then, and at once when a device tells of
// itself; told to the cluster on change only.
import type { Clock } from '../src/adapters/clock.js';
import type { KubeClient } from '../src/adapters/kubernetes/client.js';
import { type DeviceEvent, HealthBook } from './health.js';
import type { NodeDevice, NodeDevices } from './node-device.js';
import { isRecord, parseJson } from '../src/wire/json.js';
import { inventoryOf } from '../src/wire/names.js';
import { encodeInventory } from '../src/wire/inventory.js';
import { linksOf } from './links.js';

/** Asks the driver; throws when it does not answer. May hang for its own time limit, never for ever. */
export type Probe = () => Promise<readonly NodeDevice[]>;

export interface InventoryParts {
  readonly probe: Probe;
  readonly clock: Clock;
  /** First pause of a device in quarantine. */
  readonly quarantineMs: number;
  /** Whether a living pod sits on the device. */
  readonly isHeld: (deviceId: string) => boolean;
  /** The list is not what it was. */
  readonly onChange: (devices: readonly NodeDevice[]) => void;
  readonly onFault: (fault: unknown) => void;
}

const PROBE_MS = 5_000;
/** A hang costs the probe's time limit; a second one in a row is no accident. */
const FAILURES_UNTIL_SICK = 2;
const SECOND_TRY_MS = 1_000;

export class Inventory {
  /** As the driver told, and as it is judged. */
  private told: readonly NodeDevice[] = [];
  private known: readonly NodeDevice[] = [];
  /** Why the driver tells nothing; null while it does. */
  private silence: string | null = null;
  private isKnown = false;
  private failures = 0;
  private looking: Promise<void> | null = null;
  private cancel: () => void = () => {};
  private isStopped = false;
  private readonly health: HealthBook;

  constructor(private readonly parts: InventoryParts) {
    this.health = new HealthBook(parts.clock, parts.quarantineMs);
  }

  /** Resolves once the driver has answered for the first time; tries for ever. */
  start(): Promise<void> {
    return new Promise((resolve) => {
      const turn = async (): Promise<void> => {
        await this.look();
        if (this.isKnown) resolve();
        const isDoubtful = this.failures > 0 && this.failures < FAILURES_UNTIL_SICK;
        const waitMs = isDoubtful ? SECOND_TRY_MS : PROBE_MS;
        if (!this.isStopped) this.cancel = this.parts.clock.after(waitMs, () => void turn());
      };
      void turn();
    });
  }

  stop(): void {
    this.isStopped = true;
    this.cancel();
  }

  get all(): readonly NodeDevice[] {
    return this.known;
  }

  get byId(): NodeDevices {
    return new Map(this.known.map((device) => [device.id, device]));
  }

  /** What a device tells of itself counts at once; the look that follows may show more. */
  hear(event: DeviceEvent): void {
    if (event.kind === 'fault') {
      this.health.strike(event.deviceId, event.rule);
      this.take();
      if (event.rule.verdict === 'ignore') return;
    }
    // One that runs may have asked before it happened.
    void (this.looking === null ? this.look() : this.looking.then(() => this.look()));
  }

  /** One look at the driver, or the one that is being taken; throws nothing. */
  look(): Promise<void> {
    this.looking ??= this.lookOnce().finally(() => {
      this.looking = null;
    });
    return this.looking;
  }

  private async lookOnce(): Promise<void> {
    try {
      const all = withMissing(this.told, await this.parts.probe());
      this.failures = 0;
      this.isKnown = true;
      this.silence = null;
      this.health.look(all);
      this.told = all.filter(({ id, isMissing }) => isMissing !== true || this.parts.isHeld(id));
    } catch (fault) {
      this.failures += 1;
      this.parts.onFault(fault);
      if (this.failures < FAILURES_UNTIL_SICK) return;
      this.silence = fault instanceof Error ? fault.message : String(fault);
    }
    this.take();
  }

  private take(): void {
    const { silence } = this;
    const devices = this.told.map((device) =>
      silence === null ? this.health.judge(device) : { ...device, isHealthy: false, reason: silence },
    );
    if (letterOf(devices) === letterOf(this.known)) return;
    this.known = devices;
    this.parts.onChange(devices);
  }
}

const letterOf = (devices: readonly NodeDevice[]): string => encodeInventory(devices, linksOf(devices));

/** A device that was there and is not seen any more is unhealthy; the first look after that it is marked so. */
export function withMissing(
  known: readonly NodeDevice[],
  seen: readonly NodeDevice[],
): readonly NodeDevice[] {
  const ids = new Set(seen.map(({ id }) => id));
  const reason = 'the driver does not see it any more';
  const missing = known
    .filter(({ id }) => !ids.has(id))
    .map((device) => ({ ...device, isHealthy: false, reason, isMissing: true as const }));
  return [...seen, ...missing].sort((a, b) => a.index - b.index || (a.id < b.id ? -1 : 1));
}

export interface AnnouncerParts {
  readonly client: Pick<KubeClient, 'send'>;
  readonly node: string;
  readonly vendor: string;
  readonly clock: Clock;
  readonly onWritten: () => void;
  readonly onFault: (fault: unknown) => void;
}

const RETRY_MS = 2_000;
/** The node object may be made anew without us; looking costs a read and no write. */
const RECHECK_MS = 300_000;

/** Keeps the node's inventory annotation equal to the last list announced. Reads first, writes only a difference. */
export class Announcer {
  private wanted: string | null = null;
  private running = false;
  private cancel: () => void = () => {};

  constructor(private readonly parts: AnnouncerParts) {}

  announce(devices: readonly NodeDevice[]): void {
    this.wanted = letterOf(devices);
    this.check();
  }

  /** Compares again with what the node object says. */
  check(): void {
    this.cancel();
    if (this.running || this.wanted === null) return;
    this.running = true;
    void this.settle(this.wanted).then((nextMs) => {
      this.running = false;
      this.cancel = this.parts.clock.after(nextMs, () => this.check());
    });
  }

  stop(): void {
    this.cancel();
    this.wanted = null;
  }

  private async settle(text: string): Promise<number> {
    const { onWritten, onFault } = this.parts;
    try {
      if ((await this.read()) !== text) {
        await this.write(text);
        onWritten();
      }
      return this.wanted === text ? RECHECK_MS : 0;
    } catch (fault) {
      onFault(fault);
      return RETRY_MS;
    }
  }

  private async read(): Promise<unknown> {
    const node = parseJson(await this.parts.client.send({ method: 'GET', path: this.path }));
    const metadata = isRecord(node) && isRecord(node.metadata) ? node.metadata : {};
    return isRecord(metadata.annotations) ? metadata.annotations[this.key] : undefined;
  }

  private async write(text: string): Promise<void> {
    const body = JSON.stringify({ metadata: { annotations: { [this.key]: text } } });
    const contentType = 'application/merge-patch+json';
    await this.parts.client.send({ method: 'PATCH', path: this.path, body, contentType });
  }

  private get path(): string {
    return `/api/v1/nodes/${encodeURIComponent(this.parts.node)}`;
  }

  private get key(): string {
    return inventoryOf(this.parts.vendor);
  }
}
