// SPDX-License-Identifier: Apache-2.0
import type { Command } from 'commander';
import { request } from 'undici';
import type { Explanation } from '../../../scheduling/explain.js';
import { asksForDevices } from '../../../core/request.js';
import { VENDORS } from '../../../vendors/index.js';
import { credentialsOf } from '../../../adapters/kubernetes/credentials.js';
import { KubeFault } from '../../../adapters/kubernetes/fault.js';
import { type PodLike, readPodRequest } from '../../../wire/pod.js';
import { isRecord, parseJson } from '../../../wire/json.js';
import { explainFrame } from '../explain-frame.js';
import { type Io, isHttpUrl, Misused, reasonOf, Refused } from '../io.js';
import { type KubeOptions, openKube } from '../kube.js';
import { ownPods } from '../own-pods.js';

interface ExplainOptions extends KubeOptions {
  readonly scheduler?: string;
  readonly json?: boolean;
}

interface Wish {
  readonly pod: string;
  readonly options: ExplainOptions;
}

interface Stated {
  readonly url: string;
  /** The flag or the variable that says so. */
  readonly from: string;
}

type FoundPod = PodLike & { readonly status?: { readonly phase?: string } };

interface Answer {
  readonly status: number;
  readonly text: string;
}

const TIMEOUT_MS = 10_000;

const EXAMPLES = `
Examples:
  kerf explain my-pod -n team-a                          why it waits, or where it sits
  kerf explain team-a/my-pod                             the same
  kerf explain my-pod --json | jq .summary               equal reasons, counted
  kerf explain my-pod --scheduler http://127.0.0.1:9482  ask this scheduler (also KERF_SCHEDULER)
  kerf explain my-pod --scheduler https://kerf-webhook.kerf-system.svc
                                                         with your kubeconfig's token, to the guarded port;
                                                         NODE_EXTRA_CA_CERTS names its authority
`;

export function addExplain(program: Command, io: Io): void {
  program
    .command('explain')
    .argument('<pod>', 'name of the pod, or namespace/name')
    .description('Why a pod waits, node by node and device by device; or what it was given.')
    .option('--scheduler <url>', 'the scheduler to ask instead of the cluster’s')
    .option('--json', 'as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (pod: string, _options, command: Command) =>
      explain(pod, command.optsWithGlobals<ExplainOptions>(), io),
    );
}

async function explain(text: string, options: ExplainOptions, io: Io): Promise<void> {
  const wish = readPodName(text, options);
  const stated = statedScheduler(options, io);
  const answer = stated === null ? await askCluster(wish) : await askUrl(stated, wish);
  if (answer.status === 404) throw new Refused(await whyUnknown(answer.text, wish));
  const explanation = readExplanation(answer);
  io.out(
    options.json === true ? JSON.stringify(explanation, null, 2) : explainFrame(explanation, io.hasColour),
  );
}

/** `pod`, or `namespace/pod` as the tables print it. */
function readPodName(text: string, options: ExplainOptions): Wish {
  const match = /^(?:([^/]+)\/)?([^/]+)$/.exec(text);
  const [, namespace, pod] = match ?? [];
  if (pod === undefined) throw new Misused(`pod is ${text}: want name or namespace/name`);
  if (namespace !== undefined && options.namespace !== undefined && namespace !== options.namespace)
    throw new Misused(`pod is ${text} and --namespace is ${options.namespace}: want one namespace`);
  return namespace === undefined ? { pod, options } : { pod, options: { ...options, namespace } };
}

function statedScheduler(options: ExplainOptions, io: Io): Stated | null {
  const from = options.scheduler === undefined ? 'KERF_SCHEDULER' : '--scheduler';
  const url = options.scheduler ?? io.env.KERF_SCHEDULER ?? '';
  if (url === '') return null;
  if (!isHttpUrl(url)) throw new Misused(`${from} is ${url}: want http://host:port`);
  return { url, from };
}

function pathOf({ pod, options }: Wish): string {
  const namespace = namespaceOf(options);
  return `/v1/explain/${encodeURIComponent(namespace)}/${encodeURIComponent(pod)}`;
}

/** With --scheduler no kubeconfig is needed: without one it is the namespace `default`. */
function namespaceOf(options: ExplainOptions): string {
  try {
    return options.namespace ?? openKube(options).namespace;
  } catch {
    return 'default';
  }
}

async function askUrl({ url, from }: Stated, wish: Wish): Promise<Answer> {
  const at = new URL(pathOf(wish), url).href;
  try {
    const headers = await tokenFor(at, wish.options);
    const answer = await request(at, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
    return { status: answer.statusCode, text: await answer.body.text() };
  } catch (fault) {
    throw new Error(`the scheduler at ${url} (${from}) does not answer: ${reasonOf(fault)}`, {
      cause: fault,
    });
  }
}

/**
 * The kubeconfig's token, for the scheduler's guarded port; never in the clear. A user without one (a client
 * certificate, no kubeconfig at all) comes without, and is told so there.
 */
async function tokenFor(url: string, options: ExplainOptions): Promise<Readonly<Record<string, string>>> {
  if (!url.startsWith('https:')) return {};
  try {
    const { headers } = await credentialsOf(openKube(options).config).read();
    const { Authorization = '' } = headers;
    return Authorization.startsWith('Bearer ') ? { Authorization } : {};
  } catch {
    return {};
  }
}

/** Any replica knows; the first that answers is taken. */
async function askCluster({ pod, options }: Wish): Promise<Answer> {
  const kube = openKube(options);
  const schedulers = await ownPods(kube, 'scheduler');
  if (schedulers.length === 0)
    throw new Error('no scheduler of Kerf runs in this cluster: is it installed? --scheduler names one');
  const path = pathOf({ pod, options: { ...options, namespace: kube.namespace } });
  const faults: string[] = [];
  for (const scheduler of schedulers) {
    try {
      return await scheduler.get(path);
    } catch (fault) {
      faults.push(`${scheduler.name}: ${reasonOf(fault)}`);
    }
  }
  throw new Error(`no scheduler answered: ${faults.join('; ')}`);
}

/** The scheduler knows only pods that ask for devices; the API server can tell which it is. */
async function whyUnknown(text: string, { pod, options }: Wish): Promise<string> {
  const body = parseJson(text);
  if (!isRecord(body) || typeof body.error !== 'string')
    throw new Error(`the scheduler answers 404: ${text.trim()}: is it Kerf's?`);
  const name = `${namespaceOf(options)}/${pod}`;
  return (await lookUp(pod, options).catch(() => null))?.(name) ?? body.error;
}

type Sentence = (name: string) => string;

const NONE: Sentence = (name) => `there is no pod ${name}`;
const ASKS_NOTHING: Sentence = (name) => `pod ${name} asks for no device`;
const NOT_SEEN: Sentence = (name) => `pod ${name} asks for devices, and the scheduler does not know it yet`;
const ENDED: Sentence = (name) => `pod ${name} has ended: it holds no device any more`;

async function lookUp(pod: string, options: ExplainOptions): Promise<Sentence> {
  const { client, namespace } = openKube(options);
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}`;
  try {
    const found = parseJson(await client.send({ method: 'GET', path })) as FoundPod;
    const request = readPodRequest(found, VENDORS);
    if (request.ok && !asksForDevices(request.value)) return ASKS_NOTHING;
    return ['Succeeded', 'Failed'].includes(found.status?.phase ?? '') ? ENDED : NOT_SEEN;
  } catch (fault) {
    if (fault instanceof KubeFault && fault.status === 404) return NONE;
    throw fault;
  }
}

function readExplanation({ status, text }: Answer): Explanation {
  const body = parseJson(text);
  const isExplanation = isRecord(body) && typeof body.state === 'string' && typeof body.pod === 'string';
  if (status === 200 && isExplanation) return body as unknown as Explanation;
  const told = isRecord(body) && typeof body.error === 'string' ? body.error : text.trim();
  throw new Error(`the scheduler answers ${status}: ${told}`);
}
