// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { parse } from 'yaml';
import { complaintText, type PolicyComplaint, readPolicy } from '../../../adapters/policy/read.js';
import type { PolicyDocument } from '../../../core/policy-document.js';
import type { Result } from '../../../core/result.js';
import { isRecord } from '../../../wire/json.js';
import { NAMESPACE, POLICY_CONFIGMAP, POLICY_KEY } from '../../../wire/names.js';
import { readPolicyLetter } from '../../../wire/policy.js';
import { type Io, Misused, reasonOf, Refused } from '../io.js';
import { type KubeOptions, openKube } from '../kube.js';
import { paint, toned } from '../table.js';

interface CheckOptions {
  readonly json?: boolean;
}

interface ShowOptions extends KubeOptions, CheckOptions {
  readonly configmap: string;
}

const CHECK_EXAMPLES = `
FILE is the policy document itself, or a manifest of the ConfigMap with the key ${POLICY_KEY}; - reads standard input.
Lines are those of the document: of a ConfigMap, the first line under ${POLICY_KEY} is line 1. The scheduler says the
same of a bad edit in an Event on the ConfigMap, and goes on with the last good document.

Examples:
  kerf policy check policy.yaml
  kubectl -n ${NAMESPACE} get configmap ${POLICY_CONFIGMAP} -o yaml | kerf policy check -
  kerf policy check policy.yaml --json | jq '.problems[].line'

Exit codes: 0 good, 1 something is wrong with it, 2 wrong usage or a file that cannot be read.
`;

const SHOW_EXAMPLES = `
Examples:
  kerf policy show                                     the document of the cluster, and whether it is good
  kerf policy show --configmap gpu-system/kerf-policy  where the chart was installed in another namespace
  kerf policy show > policy.yaml                       to edit, check and apply

Exit codes: 0 good, 1 refused or not there, 3 the cluster cannot be asked.
`;

export function addPolicy(program: Command, io: Io): void {
  const policy = program.command('policy').description('The policy document: checks it, shows it.');
  policy
    .command('check')
    .argument('<file>', 'the document, or its ConfigMap, as YAML; - is standard input')
    .description('Whether the scheduler would take this policy document. Needs no cluster.')
    .option('--json', 'as JSON')
    .addHelpText('after', CHECK_EXAMPLES)
    .action((file: string, _options, command: Command) =>
      checkFile(file, command.optsWithGlobals<CheckOptions>(), io),
    );
  policy
    .command('show')
    .description('The policy document of the cluster.')
    .option('--configmap <namespace/name>', 'where it stands', `${NAMESPACE}/${POLICY_CONFIGMAP}`)
    .option('--json', 'as JSON')
    .addHelpText('after', SHOW_EXAMPLES)
    .action(async (_options, command: Command) => show(command.optsWithGlobals<ShowOptions>(), io));
}

type Read = Result<PolicyDocument, readonly PolicyComplaint[]>;

function checkFile(file: string, { json }: CheckOptions, io: Io): void {
  const read = readPolicy(documentIn(readText(file), file));
  if (json === true) io.out(jsonOf(read));
  else if (read.ok) io.out(`${file}: ${paint(toned('good', 'good'), io.hasColour)}`);
  else for (const complaint of read.error) io.out(`${file}: ${complaintText(complaint)}`);
  judge(file, read);
}

function judge(name: string, read: Read): void {
  if (read.ok) return;
  const problems = read.error.length === 1 ? '1 problem' : `${read.error.length} problems`;
  throw new Refused(`${name}: ${problems}: the scheduler would keep the last good document`);
}

/** Problems as the scheduler lists them; the document as it was understood. */
function jsonOf(read: Read): string {
  const told = read.ok
    ? { good: true, document: read.value, problems: [] }
    : { good: false, problems: read.error };
  return JSON.stringify(told, null, 2);
}

/** A ConfigMap's key where the file is one; else the text as it is. */
function documentIn(text: string, file: string): string {
  const manifest = parsed(text);
  if (!isRecord(manifest) || manifest.kind !== 'ConfigMap') return text;
  const { text: found } = readPolicyLetter(manifest);
  if (found === null) throw new Refused(`${file}: the ConfigMap has no key ${POLICY_KEY}`);
  return found;
}

/** What is no YAML is no ConfigMap; readPolicy says then what is wrong with it. */
function parsed(text: string): unknown {
  try {
    return parse(text, { logLevel: 'silent' });
  } catch {
    return null;
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (fault) {
    throw new Misused(`${file} cannot be read: ${reasonOf(fault)}`);
  }
}

async function show(options: ShowOptions, io: Io): Promise<void> {
  const [namespace, name, ...rest] = options.configmap.split('/');
  if (!namespace || !name || rest.length > 0)
    throw new Misused(`--configmap is ${options.configmap}: want namespace/name`);
  const { client } = openKube(options);
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/configmaps/${encodeURIComponent(name)}`;
  const { text } = readPolicyLetter(JSON.parse(await client.send({ method: 'GET', path })));
  if (text === null) throw new Refused(`ConfigMap ${options.configmap} has no key ${POLICY_KEY}`);
  const read = readPolicy(text);
  io.out(options.json === true ? jsonOf(read) : text.trimEnd());
  if (!read.ok) for (const complaint of read.error) io.err(complaintText(complaint));
  judge(`ConfigMap ${options.configmap}`, read);
}
