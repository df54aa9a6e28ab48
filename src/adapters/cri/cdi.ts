// SPDX-License-Identifier: Apache-2.0
// Does the runtime resolve CDI names? One that does not ignores them silently, and the container would start
// without its limits: then nothing is registered. Pure.
import type { RuntimeTold } from './runtime.js';
import { isRecord, parseJson } from '../../wire/json.js';

export type CdiVerdict =
  | { readonly isOn: true }
  /** `remedy` is the line that turns it on. */
  | { readonly isOn: false; readonly found: string; readonly remedy: string };

/** `cdiFolder`: where the slots' specs are written. */
export function judgeCdi(told: RuntimeTold, cdiFolder: string): CdiVerdict {
  const judge = JUDGES[told.name];
  if (judge !== undefined) return judge(told, cdiFolder);
  return {
    isOn: false,
    found: `the runtime is ${told.name} ${told.version}, and whether it resolves CDI names is not known`,
    remedy: 'start the device plugin with --assume-cdi if it does',
  };
}

const JUDGES: Readonly<Record<string, (told: RuntimeTold, cdiFolder: string) => CdiVerdict>> = {
  containerd: judgeContainerd,
  'cri-o': judgeCrio,
};

/** containerd tells its whole CRI configuration; enableCDI is gone since 2.1, an absent one is on there. */
function judgeContainerd({ version, texts }: RuntimeTold, cdiFolder: string): CdiVerdict {
  const config = parseJson(texts.config ?? '');
  const told = isRecord(config) ? config : {};
  const folders = Array.isArray(told.cdiSpecDirs) ? told.cdiSpecDirs.map(String) : [];
  const section = Number.parseInt(version.replace(/^v/, ''), 10) < 2 ? OLD_SECTION : NEW_SECTION;
  const found = `containerd ${version} says ${describe(told)}`;
  if (told.enableCDI === false) return { isOn: false, found, remedy: `${section} enable_cdi = true` };
  const isWatched = folders.some((folder) => plain(folder) === plain(cdiFolder));
  if (isWatched) return { isOn: true };
  return { isOn: false, found, remedy: `${section} cdi_spec_dirs = ['/etc/cdi', '${cdiFolder}']` };
}

const OLD_SECTION = `in the runtime's config.toml: [plugins."io.containerd.grpc.v1.cri"]`;
const NEW_SECTION = `in the runtime's config.toml: [plugins.'io.containerd.cri.v1.runtime']`;

function describe(told: Record<string, unknown>): string {
  const shown = ['enableCDI', 'cdiSpecDirs'].filter((key) => key in told);
  return shown.length === 0
    ? 'nothing of CDI'
    : shown.map((key) => `${key} = ${JSON.stringify(told[key])}`).join(', ');
}

/** CRI-O resolves CDI names since 1.23 and has no switch for it. */
function judgeCrio({ version }: RuntimeTold): CdiVerdict {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  if (major > 1 || minor >= 23) return { isOn: true };
  return { isOn: false, found: `CRI-O ${version} knows no CDI`, remedy: 'upgrade CRI-O to 1.23 or later' };
}

/** /var/run is a link to /run. */
function plain(folder: string): string {
  return folder.replace(/\/+$/, '').replace(/^\/var\/run(?=\/|$)/, '/run');
}
