// SPDX-License-Identifier: Apache-2.0
// Asks the kubelet which ids each container has. The kubelet answers a call too many with ResourceExhausted at
// once (about 10 in 40 ms), so callers that wait together get one answer. Nobody gets an answer to a call that
// began before he asked: it may be older than his pod.
import { Metadata } from '@grpc/grpc-js';
import { type Clock, sleep, systemClock } from '../clock.js';
import { type PodResources, PodResourcesListerClient } from './protos/generated/podresources.js';
import { CLIENT_OPTIONS, GrpcFault, NO_TLS, unary, unixTarget, within } from './unix-grpc.js';

export type { PodResources } from './protos/generated/podresources.js';

const DEADLINE_MS = 5_000;
const PAUSE_MS = 100;
const ATTEMPTS = 50;
/** Between two calls, so that a burst of one-by-one callers stays below the kubelet's limit. */
const GAP_MS = 20;
const NEVER = new AbortController().signal;

export class PodResourcesLister {
  private running: Promise<unknown> = Promise.resolve();
  private next: Promise<readonly PodResources[]> | null = null;
  private client: PodResourcesListerClient | null = null;
  /** Calls made so far. */
  calls = 0;

  constructor(
    private readonly socketPath: string,
    private readonly clock: Clock = systemClock,
  ) {}

  /** All pods the kubelet shows. Throws GrpcFault. */
  list(): Promise<readonly PodResources[]> {
    if (this.next === null) {
      const answer = this.running.then(() => {
        this.next = null;
        return this.ask();
      });
      this.next = answer;
      this.running = answer.then(
        () => sleep(this.clock, GAP_MS, NEVER),
        () => sleep(this.clock, GAP_MS, NEVER),
      );
    }
    return this.next;
  }

  /** Closes the connection; a later list opens one again. */
  close(): void {
    this.client?.close();
    this.client = null;
  }

  private async ask(): Promise<readonly PodResources[]> {
    this.client ??= new PodResourcesListerClient(unixTarget(this.socketPath), NO_TLS, CLIENT_OPTIONS);
    try {
      for (let attempt = 1; ; attempt++) {
        const answer = await this.attempt(this.client, attempt);
        if (answer !== null) return answer;
        await sleep(this.clock, PAUSE_MS, NEVER);
      }
    } catch (fault) {
      // A new connection next time: this one would wait out its backoff while the kubelet is there again.
      this.close();
      throw fault;
    }
  }

  /** null when the kubelet wants fewer calls. */
  private async attempt(client: PodResourcesListerClient, attempt: number) {
    this.calls += 1;
    try {
      const answer = await unary<{ podResources: PodResources[] }>(
        'the kubelet does not say whose ids these are',
        (done) => client.list({}, new Metadata(), within(DEADLINE_MS), done),
      );
      return answer.podResources;
    } catch (fault) {
      const isTooMany = fault instanceof GrpcFault && fault.code === 'RESOURCE_EXHAUSTED';
      if (isTooMany && attempt < ATTEMPTS) return null;
      throw fault;
    }
  }
}
