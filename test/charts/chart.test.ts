// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readPolicy } from '../../src/adapters/policy/read.js';
import { DEFAULT_VENDORS, VENDORS } from '../../src/vendors/index.js';
import { renameResources } from '../../src/vendors/rename.js';
import {
  IGNORE_LABELS,
  INVENTORY_PREFIX,
  MONITOR_ACCOUNT,
  NODE_ACCOUNT,
  PLACEMENT,
  POLICY_KEY,
  SCHEDULER_ACCOUNT,
  SCHEDULER_NAME,
  WEBHOOK_IGNORE,
  WEBHOOK_LABEL,
} from '../../src/wire/names.js';
import { resourceNamesOf } from '../../src/wire/pod-resources.js';
import { find, render, type Rendered, ROOT } from './render.js';

const documentOf = ({ data }: Rendered): unknown => parse(data[POLICY_KEY]);
const NAMES = DEFAULT_VENDORS.flatMap(resourceNamesOf).toSorted();
/** Building helm, once on a bare machine. */
const SLOW = 600_000;

describe('the chart with its default values', () => {
  let objects: readonly Rendered[] = [];
  beforeAll(async () => {
    objects = await render();
  }, SLOW);

  it('renders these objects', () => {
    expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`).toSorted()).toEqual([
      'ClusterRole kerf-device-plugin',
      'ClusterRole kerf-explain-reader',
      'ClusterRole kerf-metrics-reader',
      'ClusterRole kerf-monitor',
      'ClusterRole kerf-scheduler',
      'ClusterRoleBinding kerf-device-plugin',
      'ClusterRoleBinding kerf-monitor',
      'ClusterRoleBinding kerf-scheduler',
      'ClusterRoleBinding kerf-scheduler-kube',
      'ClusterRoleBinding kerf-scheduler-volume',
      'ConfigMap kerf-alerts',
      'ConfigMap kerf-dashboard-cluster',
      'ConfigMap kerf-dashboard-node',
      'ConfigMap kerf-dashboard-scheduler',
      'ConfigMap kerf-dashboard-slices',
      'ConfigMap kerf-policy',
      'ConfigMap kerf-resource-names',
      'ConfigMap kerf-scheduler-config',
      'DaemonSet kerf-device-plugin',
      'DaemonSet kerf-monitor',
      'Deployment kerf-scheduler',
      'MutatingWebhookConfiguration kerf',
      'PodDisruptionBudget kerf-scheduler',
      'Role kerf-monitor',
      'Role kerf-scheduler',
      'RoleBinding kerf-monitor',
      'RoleBinding kerf-scheduler',
      'RoleBinding kerf-scheduler-authentication-reader',
      'Secret kerf-webhook-tls',
      'Service kerf-webhook',
      'ServiceAccount kerf-device-plugin',
      'ServiceAccount kerf-monitor',
      'ServiceAccount kerf-scheduler',
      'ValidatingAdmissionPolicy kerf-device-plugin',
      'ValidatingAdmissionPolicy kerf-inventory',
      'ValidatingAdmissionPolicy kerf-opt-out',
      'ValidatingAdmissionPolicy kerf-placement',
      'ValidatingAdmissionPolicyBinding kerf-device-plugin',
      'ValidatingAdmissionPolicyBinding kerf-inventory',
      'ValidatingAdmissionPolicyBinding kerf-opt-out',
      'ValidatingAdmissionPolicyBinding kerf-placement',
    ]);
  });

  it('gives each program these permissions and no others', () => {
    const rules = objects
      .filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role')
      .flatMap(({ kind, metadata, rules: each }) =>
        (each as Rendered[]).flatMap(
          ({ apiGroups, resources = [], resourceNames = ['*'], nonResourceURLs = [], verbs }) => [
            ...(resources as string[]).map(
              (resource) => `${kind} ${metadata.name}: ${apiGroups}/${resource} ${resourceNames}: ${verbs}`,
            ),
            ...(nonResourceURLs as string[]).map((url) => `${kind} ${metadata.name}: ${url}: ${verbs}`),
          ],
        ),
      );
    expect(rules.toSorted()).toEqual([
      'ClusterRole kerf-device-plugin: /nodes *: get,patch',
      'ClusterRole kerf-device-plugin: /pods *: get,list,watch',
      'ClusterRole kerf-explain-reader: /v1/decisions: get',
      'ClusterRole kerf-explain-reader: /v1/explain/*: get',
      'ClusterRole kerf-explain-reader: /v1/snapshot: get',
      'ClusterRole kerf-metrics-reader: /metrics: get',
      'ClusterRole kerf-monitor: events.k8s.io/events *: create',
      'ClusterRole kerf-scheduler: /nodes *: get,list,watch',
      'ClusterRole kerf-scheduler: /pods *: get,list,watch',
      'ClusterRole kerf-scheduler: /pods/binding *: create',
      'ClusterRole kerf-scheduler: /pods/status *: patch',
      'ClusterRole kerf-scheduler: /resourcequotas *: list',
      'ClusterRole kerf-scheduler: authentication.k8s.io/tokenreviews *: create',
      'ClusterRole kerf-scheduler: authorization.k8s.io/subjectaccessreviews *: create',
      'ClusterRole kerf-scheduler: events.k8s.io/events *: create',
      'Role kerf-monitor: /configmaps kerf-policy: get,list,watch',
      'Role kerf-scheduler: /configmaps kerf-policy: get,list,watch',
      'Role kerf-scheduler: coordination.k8s.io/leases *: create',
      'Role kerf-scheduler: coordination.k8s.io/leases kerf-scheduler: get,list,watch,update,patch',
    ]);
  });

  it('binds the accounts the programs know', () => {
    const accounts = objects
      .filter(({ kind }) => kind === 'ServiceAccount')
      .map(({ metadata }) => metadata.name);
    expect(accounts.toSorted()).toEqual([NODE_ACCOUNT, MONITOR_ACCOUNT, SCHEDULER_ACCOUNT].toSorted());
  });

  it('manages every resource name, and the scheduler counts none of them', () => {
    const text = find(objects, 'ConfigMap', 'kerf-scheduler-config').data['kube-scheduler.yaml'] as string;
    const { profiles, extenders } = parse(text) as Rendered;
    expect(profiles).toEqual([{ schedulerName: SCHEDULER_NAME }]);
    expect(extenders).toHaveLength(1);
    expect(extenders[0].managedResources).toEqual(NAMES.map((name) => ({ name, ignoredByScheduler: true })));
  });

  it('says the same as scheduler-config', () => {
    const text = find(objects, 'ConfigMap', 'kerf-scheduler-config').data['kube-scheduler.yaml'] as string;
    expect(parse(readFileSync(join(ROOT, 'scheduler-config', 'kube-scheduler.yaml'), 'utf8'))).toEqual(
      parse(text),
    );
    const sample = parse(readFileSync(join(ROOT, 'scheduler-config', 'policy.yaml'), 'utf8')) as Rendered;
    expect(documentOf(sample)).toEqual(documentOf(find(objects, 'ConfigMap', 'kerf-policy')));
  });

  it('sends the webhook pods that name a resource of ours or carry a letter, and fails closed', () => {
    const { webhooks } = find(objects, 'MutatingWebhookConfiguration', 'kerf');
    expect(webhooks).toHaveLength(1);
    const [webhook] = webhooks;
    expect(webhook).toMatchObject({
      failurePolicy: 'Fail',
      sideEffects: 'None',
      reinvocationPolicy: 'IfNeeded',
      timeoutSeconds: 5,
    });
    const [{ expression }] = webhook.matchConditions;
    for (const name of NAMES) expect(expression).toContain(JSON.stringify(name));
    expect(expression).toContain(PLACEMENT);
    const keys = webhook.namespaceSelector.matchExpressions.map(({ key }: { key: string }) => key);
    expect(keys).toEqual([WEBHOOK_LABEL, 'hami.io/webhook', 'kubernetes.io/metadata.name']);
  });

  it('lets only the node agents be privileged', () => {
    const workloads = objects.filter(({ kind }) => kind === 'Deployment' || kind === 'DaemonSet');
    const privileged = workloads.filter(({ spec }) =>
      (spec.template.spec.containers as Rendered[]).some(({ securityContext }) => securityContext.privileged),
    );
    expect(privileged.map(({ metadata }) => metadata.name).toSorted()).toEqual([
      'kerf-device-plugin',
      'kerf-monitor',
    ]);
    for (const { spec } of workloads)
      for (const { securityContext } of spec.template.spec.containers)
        expect(securityContext.readOnlyRootFilesystem).toBe(true);
  });

  it('gives no token to pods that do not ask for one', () => {
    for (const { kind, automountServiceAccountToken } of objects)
      if (kind === 'ServiceAccount') expect(automountServiceAccountToken).toBe(false);
  });

  it('labels every object of ours', () => {
    for (const { metadata } of objects) expect(metadata.labels['app.kubernetes.io/name']).toBe('kerf');
  });
});

describe('values that change the chart', () => {
  const URL = { 'webhook.url': 'https://127.0.0.1:9443/mutate', 'webhook.caBundle': 'QUJD' };

  it('webhook.url takes the place of the Service and its Secret', async () => {
    const objects = await render(URL);
    const [{ clientConfig }] = find(objects, 'MutatingWebhookConfiguration', 'kerf').webhooks;
    expect(clientConfig).toEqual({ url: URL['webhook.url'], caBundle: 'QUJD' });
    expect(objects.filter(({ kind }) => kind === 'Service' || kind === 'Secret')).toEqual([]);
  });

  it('renamed resources reach the scheduler, the webhook and nothing is left of the old', async () => {
    const objects = await render({ ...URL, 'vendors.nvidia.count': 'example.com/gpu' });
    const text = JSON.stringify(objects);
    expect(text).toContain('example.com/gpu');
    expect(text).not.toMatch(/nvidia\.com\/gpu\b(?!-)/);
  });

  it.each(
    VENDORS.filter(({ isOnByDefault }) => !isOnByDefault).map((vendor) => [vendor.name, vendor] as const),
  )('vendors.%s.enabled sends its pods to the webhook and the extender', async (name, vendor) => {
    const objects = await render({ ...URL, [`vendors.${name}.enabled`]: 'true' });
    const text = find(objects, 'ConfigMap', 'kerf-scheduler-config').data['kube-scheduler.yaml'] as string;
    const managed = (parse(text) as Rendered).extenders[0].managedResources;
    const [{ matchConditions }] = find(objects, 'MutatingWebhookConfiguration', 'kerf').webhooks;
    for (const resource of resourceNamesOf(vendor)) {
      expect(managed).toContainEqual({ name: resource, ignoredByScheduler: true });
      expect(matchConditions[0].expression).toContain(JSON.stringify(resource));
    }
    const names = find(objects, 'ConfigMap', 'kerf-resource-names').data['vendors.yaml'] as string;
    const vendors = renameResources(VENDORS, parse(names));
    expect(vendors).toEqual({ ok: true, value: [...DEFAULT_VENDORS, vendor] });
  });

  it('a vendor with an agent gets a DaemonSet of its own, and the monitor asks both', async () => {
    const objects = await render({ ...URL, 'vendors.amd.enabled': 'true' });
    const argsOf = (name: string): readonly string[] =>
      find(objects, 'DaemonSet', name).spec.template.spec.containers[0].args;
    expect(argsOf('kerf-device-plugin')).toEqual(
      expect.arrayContaining(['--vendor=nvidia', '--metrics-listen=127.0.0.1:9402']),
    );
    expect(argsOf('kerf-device-plugin-amd')).toEqual(
      expect.arrayContaining(['--vendor=amd', '--metrics-listen=127.0.0.1:9412']),
    );
    const { selector, template } = find(objects, 'DaemonSet', 'kerf-device-plugin-amd').spec;
    expect(selector.matchLabels['app.kubernetes.io/component']).toBe('device-plugin-amd');
    expect(template.metadata.labels).toMatchObject(selector.matchLabels);
    expect(argsOf('kerf-monitor')).toEqual(
      expect.arrayContaining([
        ...['--vendor=nvidia', '--plugin-url=http://127.0.0.1:9402'],
        ...['--vendor=amd', '--plugin-url=http://127.0.0.1:9412'],
      ]),
    );
  });

  it('cert-manager issues the certificate where asked', async () => {
    const objects = await render({ 'webhook.certificate.mode': 'certManager' });
    expect(find(objects, 'Certificate', 'kerf-webhook').spec.secretName).toBe('kerf-webhook-tls');
    const { metadata } = find(objects, 'MutatingWebhookConfiguration', 'kerf');
    expect(metadata.annotations).toEqual({ 'cert-manager.io/inject-ca-from': 'kerf-system/kerf-webhook' });
  });

  it('a namespace is rendered where asked, with its labels', async () => {
    const { metadata } = find(await render({ 'namespace.create': 'true' }), 'Namespace', 'kerf-system');
    expect(metadata.labels).toMatchObject({
      'pod-security.kubernetes.io/enforce': 'privileged',
      [WEBHOOK_LABEL]: 'ignore',
    });
  });

  it('metrics are scraped by the names that the alerts know, by whom the values let in', async () => {
    const listens = { 'monitor.listen': '0.0.0.0:9401', 'devicePlugin.metricsListen': '0.0.0.0:9402' };
    const readers = { 'metrics.readers[0]': 'monitoring/prometheus' };
    const objects = await render({ ...listens, ...readers, 'metrics.podMonitors.enabled': 'true' });
    const endpoints = objects.flatMap(({ kind, spec }) =>
      /^(Pod|Service)Monitor$/.test(kind) ? [...(spec.podMetricsEndpoints ?? spec.endpoints)] : [],
    );
    const jobs = endpoints.map(({ honorLabels, relabelings }: Rendered) => [
      honorLabels,
      relabelings[0].replacement,
    ]);
    expect(jobs.toSorted()).toEqual([
      [true, 'kerf-device-plugin'],
      [true, 'kerf-monitor'],
      [true, 'kerf-scheduler'],
    ]);
    expect(find(objects, 'ClusterRoleBinding', 'kerf-metrics-reader').subjects).toEqual([
      { kind: 'ServiceAccount', namespace: 'monitoring', name: 'prometheus' },
    ]);
    expect(Object.keys(find(objects, 'Secret', 'kerf-webhook-tls').data)).toContain('ca.crt');
  });

  it('metrics.hami switches HAMi’s names on where they are told', async () => {
    const args = (objects: readonly Rendered[]) =>
      ['Deployment kerf-scheduler', 'DaemonSet kerf-monitor'].map((of) => {
        const [kind = '', name = ''] = of.split(' ');
        return find(objects, kind, name).spec.template.spec.containers[0].args.includes('--hami-metrics');
      });
    expect(args(await render())).toEqual([false, false]);
    expect(args(await render({ 'metrics.hami': 'true' }))).toEqual([true, true]);
  });

  it('parts may be left out', async () => {
    const off = { 'monitor.enabled': 'false', 'devicePlugin.enabled': 'false', 'webhook.enabled': 'false' };
    const kinds = (await render({ ...off, 'letters.guarded': 'false' })).map(({ kind }) => kind as string);
    expect(kinds).not.toContain('DaemonSet');
    expect(kinds.filter((kind) => /Webhook|Policy/.test(kind))).toEqual([]);
  });

  it.each([
    [{ 'scheduler.replica': '2' }, "additional properties 'replica' not allowed"],
    [{ 'scheduler.replicas': '0' }, 'scheduler/replicas'],
    [{ 'policy.document.defaults.node': 'best' }, 'policy/document/defaults/node'],
    [{ 'policy.document.version': '2' }, 'policy/document/version'],
    [{ 'policy.document.quotas.a': '1' }, "'quotas' not allowed"],
    [{ 'policy.document.overcommit[0].memory': '2' }, "missing property 'nodes'"],
    [{ 'webhook.failurePolicy': 'Never' }, 'webhook/failurePolicy'],
    [{ 'webhook.url': 'http://x' }, 'webhook/url'],
    [{ 'webhook.url': 'https://x' }, 'webhook.caBundle is empty'],
    [{ 'webhook.certificate.mode': 'secret' }, 'webhook.caBundle is empty'],
    [{ 'scheduler.leaderElect': 'false' }, 'want 1 where scheduler.leaderElect is false'],
    [{ 'scheduler.name': 'default-scheduler' }, 'scheduler/name'],
    [{ 'scheduler.extender.urlPrefix': 'http://10.0.0.1:9480' }, 'scheduler/extender/urlPrefix'],
    [{ 'vendors.nvidia.count': 'gpu' }, 'vendors/nvidia/count'],
    [{ 'vendors.nvidia.priority': 'nvidia.com/gpu' }, 'vendors name a resource twice'],
    [{ 'vendors.nvidia.enabled': 'false' }, 'vendors has none enabled'],
    [{ 'devicePlugin.splits': '0' }, 'devicePlugin/splits'],
    [{ 'metrics.readers[0]': 'prometheus' }, 'metrics/readers/0'],
    [
      { 'metrics.podMonitors.enabled': 'true' },
      'devicePlugin.metricsListen is 127.0.0.1:9402: want an address that Prometheus reaches (0.0.0.0:9402)',
    ],
  ])('%j is refused with a sentence', async (values, sentence) => {
    await expect(render(values as Record<string, string>)).rejects.toThrow(sentence);
  });
});

describe('how containers come to the library', () => {
  const modeOf = async (values?: Record<string, string>) => {
    const [plugin] = find(await render(values), 'DaemonSet', 'kerf-device-plugin').spec.template.spec
      .containers;
    return (plugin.args as string[]).filter((arg) => arg.startsWith('--library-mode'));
  };

  it('is a preload, or a cover where that is asked for, and nothing else', async () => {
    expect(await modeOf()).toEqual(['--library-mode=preload']);
    expect(await modeOf({ 'devicePlugin.libraryMode': 'cover' })).toEqual(['--library-mode=cover']);
    await expect(modeOf({ 'devicePlugin.libraryMode': 'both' })).rejects.toThrow('libraryMode');
  });
});

describe('the policy document', () => {
  const values = {
    'policy.document.rules[0].match.namespaces[0]': 'ml-*',
    'policy.document.rules[0].node[0]': 'topology',
    'policy.document.overcommit[0].nodes.kerf\\.dev/pool': 'dev',
    'policy.document.overcommit[0].memory': '2',
    'policy.document.overcommit[0].splits': '60',
  };

  it('is rendered as the scheduler reads it, and as many slots are offered as it may take', async () => {
    const objects = await render(values);
    const { data } = find(objects, 'ConfigMap', 'kerf-policy');
    expect(readPolicy(data[POLICY_KEY])).toEqual({
      ok: true,
      value: {
        version: 1,
        defaults: { node: 'binpack', device: 'binpack' },
        rules: [{ match: { namespaces: ['ml-*'] }, node: ['topology'] }],
        overcommit: [{ nodes: { 'kerf.dev/pool': 'dev' }, memory: 2, splits: 60 }],
      },
    });
    const { args } = find(objects, 'DaemonSet', 'kerf-device-plugin').spec.template.spec.containers[0];
    expect(args).toContain('--slots-per-device=60');
  });

  it('rolls no pod when it changes', async () => {
    const [before, after] = await Promise.all([render(), render(values)]);
    const template = (objects: readonly Rendered[]) =>
      find(objects, 'Deployment', 'kerf-scheduler').spec.template;
    expect(template(after)).toEqual(template(before));
  });

  it('may be somebody else’s to write', async () => {
    const kinds = (await render({ 'policy.create': 'false' })).map(({ metadata }) => metadata.name as string);
    expect(kinds).not.toContain('kerf-policy');
  });

  it('has one schema, for the scheduler and for the values', () => {
    const read = (...path: string[]) => JSON.parse(readFileSync(join(ROOT, ...path), 'utf8')) as Rendered;
    const { definitions, ...document } = read('scheduler-config', 'policy.schema.json');
    for (const key of ['$schema', '$comment', 'title']) delete document[key];
    const values = read('charts', 'kerf', 'values.schema.json');
    expect(values.definitions).toEqual(definitions);
    expect(values.properties.policy.properties.document).toEqual(document);
  });
});

// The letters' names are written into templates; this holds them to the code.
it('guards the letters by the names that the programs use', async () => {
  const objects = await render();
  const text = JSON.stringify(objects.filter(({ kind }) => kind === 'ValidatingAdmissionPolicy'));
  expect(text).toContain(`'${PLACEMENT}' in object.metadata.annotations`);
  expect(text).toContain(`startsWith('${INVENTORY_PREFIX}')`);
  for (const label of IGNORE_LABELS) expect(text).toContain(`'${label}'`);
  expect(text).toContain(`object.metadata.labels[l] == '${WEBHOOK_IGNORE}'`);
  expect(text).toContain(`object.spec.schedulerName == '${SCHEDULER_NAME}'`);
  expect(text).toContain(`system:serviceaccount:kerf-system:${SCHEDULER_ACCOUNT}`);
  expect(text).toContain(`system:serviceaccount:kerf-system:${NODE_ACCOUNT}`);
});
