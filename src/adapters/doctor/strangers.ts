// SPDX-License-Identifier: Apache-2.0
// Other ways to a device than ours: the vendor's runtime by an env, another device plugin.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRecord, parseJson } from '../../wire/json.js';
import { type Check, fail, ok, skipped, warn } from './check.js';

const VISIBLE = 'accept-nvidia-visible-devices-envvar-when-unprivileged';

/** Of the vendor's container runtime, where one of ours knows it. */
export const RUNTIME_CONFIG = '/etc/nvidia-container-runtime/config.toml';

export const visibleDevices: Check = {
  name: 'visible-devices',
  about:
    'A pod that asks for nothing gets no device by setting an env: the vendor’s runtime is told to take none from unprivileged containers.',
  look({ vendor, runtimeConfig }) {
    if (vendor.name !== 'nvidia') return skipped(`no such switch is known for ${vendor.title}`);
    if (!existsSync(runtimeConfig))
      return skipped(`there is no ${runtimeConfig}: the vendor's runtime is not installed`);
    if (topLevel(readFileSync(runtimeConfig, 'utf8')).get(VISIBLE) === 'false')
      return ok(`${VISIBLE} is false in ${runtimeConfig}`);
    return fail(
      `any pod gets every device by setting ${vendor.visibleDevicesEnv}=all: ${VISIBLE} is not false in ${runtimeConfig}`,
      `set ${VISIBLE} = false there; devices of slots then come by the vendor's CDI spec (check cdi-spec)`,
    );
  },
};

/** Keys of a TOML file before its first table; enough for a switch. */
function topLevel(text: string): ReadonlyMap<string, string> {
  const [head = ''] = text.split(/^\s*\[/m);
  const pairs = [...head.matchAll(/^\s*([\w-]+)\s*=\s*([^#\n]*)/gm)];
  return new Map(pairs.map(([, key = '', value = '']) => [key, value.trim()]));
}

/** Ids that our device plugin gives out. */
const OURS = /^slot-\d{4,}$/;

export const otherPlugin: Check = {
  name: 'other-plugin',
  about: 'No other device plugin offers our count resource: the kubelet would hear whoever registered last.',
  look({ vendor, kubeletDir }) {
    const folder = join(kubeletDir, 'device-plugins');
    const { count } = vendor.resources;
    if (!existsSync(folder)) return skipped(`there is no ${folder}`);
    const strange = idsOf(join(folder, 'kubelet_internal_checkpoint'), count).filter((id) => !OURS.test(id));
    const remedy = `remove the other plugin (its DaemonSet), or rename ours: vendors.${vendor.name}.count`;
    if (strange.length > 0)
      return fail(
        `another plugin offers ${count}: the kubelet holds ${strange.length} ids of it, ${strange[0]} first`,
        remedy,
      );
    const sockets = readdirSync(folder).filter(
      (name) => name.endsWith('.sock') && isAnother(name, vendor.name),
    );
    if (sockets.length > 0)
      return warn(`${sockets.join(', ')} in ${folder} may be another plugin's for ${vendor.title}`, remedy);
    return ok(`nobody else offers ${count}`);
  },
};

const isAnother = (socket: string, vendor: string): boolean =>
  !socket.startsWith('kerf-') && socket.includes(vendor);

/** What the kubelet has written down of a resource. */
function idsOf(checkpoint: string, resource: string): readonly string[] {
  if (!existsSync(checkpoint)) return [];
  const read = parseJson(readFileSync(checkpoint, 'utf8'));
  const told = isRecord(read) && isRecord(read.Data) ? read.Data.RegisteredDevices : undefined;
  const ids = isRecord(told) ? told[resource] : undefined;
  return Array.isArray(ids) ? ids.map(String) : [];
}
