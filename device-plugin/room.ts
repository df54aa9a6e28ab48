// SPDX-License-Identifier: Apache-2.0
// Joins the parts of the room and answers the kubelet.
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from '../src/adapters/clock.js';
import { PodResourcesLister } from '../src/adapters/kubelet/pod-resources.js';
import { registerWithKubelet } from '../src/adapters/kubelet/registration.js';
import type { KubeClient } from '../src/adapters/kubernetes/client.js';
import type { Result } from '../src/core/result.js';
import type { Vendor } from '../src/vendors/index.js';
import { isHeld } from './allocate.js';
import { allocateSlots, randomName } from './allocate-slots.js';
import { Devices } from './devices.js';
import { EnforcementWatch } from './enforcement-watch.js';
import { idsOf } from './ids.js';
import type { Probe } from './inventory.js';
import { Letters } from './letters.js';
import { createMetrics } from './metrics.js';
import { foldersOf, type PluginOptions } from './options.js';
import type { NodeDevices } from './node-device.js';
import { Pages } from './pages.js';
import { type PluginDuties, registrationOf, servePlugin } from './plugin.js';
import type { PodView } from './pod-view.js';
import { Pods } from './pods.js';
import { PreStart } from './pre-start.js';
import { Registrar } from './register.js';
import { type BoundSlot, isBound, logOf, type Slot } from './slot.js';
import { rowsOf, type SlotRow } from './slot-rows.js';
import type { SlotStore } from './slots.js';
import { SpecReader } from './spec-reader.js';
import { Sweeper } from './sweeper.js';

export interface RoomParts {
  readonly options: PluginOptions;
  readonly vendor: Vendor;
  readonly client: KubeClient;
  readonly store: SlotStore;
  readonly probe: Probe;
  readonly clock: Clock;
  readonly log: Logger;
}

const PUBLISH_MS = 200;

export class Room implements PluginDuties {
  readonly metrics;
  readonly registrar: Registrar;
  private readonly pods: Pods;
  private readonly shown: PodResourcesLister;
  private readonly pages: Pages;
  readonly devices: Devices;
  private readonly sweeper: Sweeper;
  private readonly enforcement: EnforcementWatch;
  private readonly preStarts: PreStart;
  private readonly letters: Letters;
  private publishing: (() => void) | null = null;
  /** The driver has answered. */
  isReady = false;

  constructor(private readonly parts: RoomParts) {
    const { options, vendor } = parts;
    this.metrics = createMetrics({ slots: () => this.rows(), devices: () => this.devices.inventory.all });
    const kubelet = join(options.kubeletDir, 'pod-resources', 'kubelet.sock');
    this.shown = new PodResourcesLister(kubelet, parts.clock);
    this.pages = new Pages(foldersOf(options, parts.store.folder), vendor);
    this.pods = this.makePods();
    this.devices = this.makeDevices();
    this.sweeper = this.makeSweeper();
    this.enforcement = this.makeEnforcement();
    this.letters = this.makeLetters();
    this.preStarts = this.makePreStart();
    this.registrar = this.makeRegistrar();
  }

  /** Everything but the registration. Resolves once the driver has answered; waits for no API server. */
  async start(): Promise<void> {
    this.pods.listen((podUid, pod) => this.heard(podUid, pod));
    this.pods.start();
    await this.devices.inventory.start();
    this.restore();
    // What the watch showed before the devices were known.
    this.letters.roomMade();
    this.sweeper.start();
    this.enforcement.start();
    this.isReady = true;
  }

  async stop(): Promise<void> {
    await this.registrar.stop();
    this.enforcement.stop();
    this.sweeper.stop();
    this.devices.stop();
    this.pods.stop();
    this.shown.close();
    this.publishing?.();
  }

  ids() {
    return idsOf({ ...this.parts.options, devices: this.devices.inventory.all, slots: this.living() });
  }

  /** A pod that ended holds nothing, though its slots may wait for the sweep. */
  private living(): readonly Slot[] {
    const { store } = this.parts;
    return store.all().filter(({ owner }) => owner === null || !this.pods.isOver(owner.podUid));
  }

  async allocate(requests: readonly (readonly string[])[]): Promise<readonly string[]> {
    const { store, vendor, clock, log } = this.parts;
    const given = { store, resource: vendor.resources.count, nowMs: () => clock.now(), randomName };
    const names = await allocateSlots(given, requests);
    this.metrics.allocations.inc(names.length);
    log.info({ requests, names }, 'allocated');
    return names;
  }

  async preStart(ids: readonly string[]): Promise<Result<void, string>> {
    const end = this.metrics.preStartSeconds.startTimer();
    const answer = await this.preStarts.start(ids).finally(end);
    this.metrics.preStarts.inc({ result: answer.ok ? 'ok' : 'refused' });
    if (answer.ok) this.publishSoon();
    else this.parts.log.warn({ ids, refusal: answer.error }, 'container refused');
    return answer;
  }

  onFault(call: string, fault: unknown): void {
    if (call === 'PreStartContainer') this.metrics.preStarts.inc({ result: 'fault' });
    this.fault(call, fault);
  }

  rows(): readonly SlotRow[] {
    const { enforcement, pods, devices } = this;
    return rowsOf(this.living(), { enforcement, pods, devices: devices.inventory });
  }

  private fault(what: string, fault: unknown): void {
    this.metrics.faults.inc({ what });
    this.parts.log.warn({ what, err: fault }, 'fault');
  }

  /** A reboot empties /run: slots of living pods get their specs back before the kubelet starts containers. */
  private restore(): void {
    const onFault = (fault: unknown): void => this.fault('restore', fault);
    this.pages.restore(this.parts.store.bound(), this.devices.inventory.byId, onFault);
    for (const { path, reason } of this.parts.store.unreadable())
      this.parts.log.error({ path, reason }, 'slot record cannot be read: nothing new is given on this node');
  }

  private heard(podUid: string, pod: PodView | null): void {
    this.letters.heard(podUid, pod);
    if (this.parts.store.ofPod(podUid).length > 0) this.publishSoon();
  }

  /** Once for a burst of events: each list is hundreds of ids, and a checkpoint write of the kubelet. */
  private publishSoon(): void {
    this.publishing ??= this.parts.clock.after(PUBLISH_MS, () => {
      this.publishing = null;
      this.registrar.publish();
    });
  }

  private started(slot: BoundSlot): void {
    this.enforcement.forget(slot.slot);
    this.parts.log.info(logOf(slot), 'slot prepared');
    this.letters.started(slot.owner.podUid);
  }

  private makeLetters(): Letters {
    const { parts, pods, pages, metrics } = this;
    const { store, options, log } = parts;
    const onFault = (fault: unknown): void => this.fault('resize', fault);
    const devices = (): NodeDevices => this.devices.inventory.byId;
    return new Letters({ store, pods, pages, metrics, log, isAllowed: options.resize, devices, onFault });
  }

  private makePods(): Pods {
    const { client, clock, options, vendor } = this.parts;
    return new Pods({
      client,
      clock,
      node: options.nodeName,
      resource: vendor.resources.count,
      onFault: (fault) => this.fault('watch of pods', fault),
    });
  }

  private makeDevices(): Devices {
    return new Devices({
      ...this.parts,
      metrics: () => this.metrics,
      living: () => this.living(),
      publish: () => this.registrar.publish(),
      fault: (what, fault) => this.fault(what, fault),
    });
  }

  private makeSweeper(): Sweeper {
    const { store, clock, vendor, log } = this.parts;
    return new Sweeper({
      ...{ store, clock },
      resource: vendor.resources.count,
      pods: this.pods,
      shown: this.shown,
      pages: this.pages,
      onGone: (slot) => {
        this.enforcement.forget(slot.slot);
        log.info(isBound(slot) ? logOf(slot) : { slot: slot.slot }, 'slot removed');
        this.letters.roomMade();
        this.publishSoon();
      },
      onFault: (fault) => this.fault('sweep', fault),
    });
  }

  private makeEnforcement(): EnforcementWatch {
    const { store, clock, options, vendor, log } = this.parts;
    return new EnforcementWatch({
      procFolder: options.procDir,
      ...{ store, clock, isHeld: isHeld(vendor), libraryMode: options.libraryMode },
      pods: this.pods,
      onJudged: (slot, enforcement) => log.info({ ...logOf(slot), enforcement }, 'slot judged'),
      onFault: (fault) => this.fault('look at processes', fault),
    });
  }

  private makePreStart(): PreStart {
    const { options, vendor, store, clock } = this.parts;
    const reader = new SpecReader({ clock, onUnread: (path) => this.fault('runtime', `${path} unread`) });
    return new PreStart({
      resource: vendor.resources.count,
      node: options.nodeName,
      store,
      pods: this.pods,
      shown: this.shown,
      pages: this.pages,
      devices: () => this.devices.inventory.byId,
      sweep: () => this.sweeper.sweep(),
      nowMs: () => clock.now(),
      onChangedPlacement: (pod) => this.letters.readAhead(pod),
      reader,
      onStart: (slot) => this.started(slot),
    });
  }

  private makeRegistrar(): Registrar {
    const { options, vendor, clock, log } = this.parts;
    const resourceName = vendor.resources.count;
    return new Registrar({
      folder: join(options.kubeletDir, 'device-plugins'),
      vendor: vendor.name,
      clock,
      serve: (socketPath) => servePlugin(socketPath, this),
      register: (kubeletSocket, endpoint) =>
        registerWithKubelet(kubeletSocket, registrationOf(endpoint, resourceName)),
      onRegistered: (endpoint) => {
        this.metrics.registrations.inc();
        log.info({ endpoint, resourceName }, 'registered');
        this.devices.announcer.check();
      },
      onFault: (what, fault) => this.fault(what, fault),
    });
  }
}
