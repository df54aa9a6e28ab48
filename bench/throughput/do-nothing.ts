// SPDX-License-Identifier: Apache-2.0
// The yardstick: an extender of Kerf's verbs and of the same short answer that decides nothing. Filter names the first
// node (as Kerf does wherever one is liked best), prioritize likes all alike, bind writes the Binding with a letter of the
// usual length. Plain node:http and node:https with kept-alive connections; a process of its own: do-nothing.mjs PORT KUBECONFIG.
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Agent, request } from 'node:https';

const [port = '', kubeconfigFile = ''] = process.argv.slice(2);

interface Kubeconfig {
  readonly clusters: readonly [
    { readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string } },
  ];
  readonly users: readonly [{ readonly user: { readonly token: string } }];
}

/** Those of the test cluster are JSON. */
const { clusters, users } = JSON.parse(readFileSync(kubeconfigFile, 'utf8')) as Kubeconfig;
const { server, 'certificate-authority-data': authority } = clusters[0].cluster;
const agent = new Agent({ keepAlive: true, maxSockets: 16, ca: Buffer.from(authority, 'base64') });

const SHORT_LIST = 1;
const LETTER = JSON.stringify({
  v: 1,
  containers: [
    {
      name: 'main',
      slices: [{ device: 'GPU-00000000-0000-4000-8000-000000000000', memoryMiB: 4096, corePercent: 10 }],
    },
  ],
});

interface Args {
  readonly NodeNames: readonly string[];
}

interface BindArgs {
  readonly PodName: string;
  readonly PodNamespace: string;
  readonly PodUID: string;
  readonly Node: string;
}

const VERBS: Readonly<Record<string, (text: string) => unknown>> = {
  '/filter'(text) {
    const { NodeNames } = JSON.parse(text) as Args;
    return { NodeNames: NodeNames.slice(0, SHORT_LIST), FailedNodes: {}, Error: '' };
  },
  '/prioritize'(text) {
    const { NodeNames } = JSON.parse(text) as Args;
    return NodeNames.map((name) => ({ Host: name, Score: 10 }));
  },
  async '/bind'(text) {
    return { Error: await bind(JSON.parse(text) as BindArgs) };
  },
};

async function bind({
  PodName: name,
  PodNamespace: namespace,
  PodUID: uid,
  Node: node,
}: BindArgs): Promise<string> {
  const body = JSON.stringify({
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { namespace, name, uid, annotations: { 'bench.kerf.dev/placement': LETTER } },
    target: { apiVersion: 'v1', kind: 'Node', name: node },
  });
  const headers = {
    authorization: `Bearer ${users[0].user.token}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  };
  const url = `${server}/api/v1/namespaces/${namespace}/pods/${name}/binding`;
  return new Promise((resolve, reject) => {
    const post = request(url, { method: 'POST', agent, headers }, (answer) => {
      void textOf(answer).then((text) => resolve(answer.statusCode === 201 ? '' : text), reject);
    });
    post.on('error', reject);
    post.end(body);
  });
}

async function textOf(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

async function answer(asked: IncomingMessage, response: ServerResponse): Promise<void> {
  const verb = VERBS[asked.url ?? ''];
  const body = JSON.stringify(verb === undefined ? 'ready' : await verb(await textOf(asked)));
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

const extender = createServer((asked, response) => {
  answer(asked, response).catch((fault: unknown) => {
    console.error(fault);
    response.writeHead(500).end();
  });
});
extender.keepAliveTimeout = 120_000;
extender.listen(Number(port), '127.0.0.1');
