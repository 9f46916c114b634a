// `sluice bigquery project create` and `sluice bigquery service-account …`: through the API
// of the running local BigQuery.
import { open, rm } from 'node:fs/promises';
import path from 'node:path';
import { projectIds } from '@sluice/bigquery-local';
import { AppError, messageOf } from '@sluice/core';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { BigQueryClient } from './bigquery-client.ts';
import type { SetUpOptions } from './bigquery-client.ts';
import { changePolicy, projectPolicy, roleName } from './bigquery-policy.ts';
import { answer, sessionOf } from './session.ts';

export async function projectCreateCommand(
  io: Io,
  projectId: string,
  options: SetUpOptions & { readonly owner: string; readonly name?: string },
): Promise<ExitCode> {
  // BigQuery makes whoever creates a project its owner.
  const client = await BigQueryClient.open(io, { ...options, as: options.owner }, projectId);
  await client.call('POST', '/v3/projects', {
    where: projectId,
    body: { projectId, ...(options.name === undefined ? {} : { displayName: options.name }) },
  });
  answer(sessionOf(io, options), { project: projectId, owner: options.owner }, () => [
    `Created the project ${projectId}, owned by ${options.owner}.`,
  ]);
  return EXIT.ok;
}

export async function serviceAccountCreateCommand(
  io: Io,
  accountId: string,
  options: SetUpOptions & {
    readonly project?: string;
    readonly role?: readonly string[];
    readonly displayName?: string;
  },
): Promise<ExitCode> {
  const projectId = options.project ?? onlyProject(path.resolve(io.cwd, options.dataDir));
  const roles = [...new Set((options.role ?? []).map(roleName))];
  const client = await BigQueryClient.open(io, options, projectId);
  const created = await client.call('POST', `/v1/projects/${encodeURIComponent(projectId)}/serviceAccounts`, {
    where: `${accountId} in ${projectId}`,
    body: {
      accountId,
      ...(options.displayName === undefined ? {} : { serviceAccount: { displayName: options.displayName } }),
    },
  });
  const email = String(created['email']);
  try {
    for (const role of roles)
      await changePolicy(client, projectPolicy(projectId), {
        change: 'grant',
        role,
        member: `serviceAccount:${email}`,
      });
  } catch (error) {
    // An account without the roles that it was asked for would be half a set-up.
    await client.call('DELETE', accountPath(email), { where: email });
    throw error;
  }
  answer(sessionOf(io, options), { serviceAccount: email, project: projectId, roles }, () => [
    email,
    ...roles.map((role) => `  ${role} on ${projectId}`),
  ]);
  return EXIT.ok;
}

/** Makes a key and writes its file, for the owner alone. A file that exists is left as it is. */
export async function serviceAccountKeyCommand(
  io: Io,
  email: string,
  options: SetUpOptions & { readonly out: string; readonly baseUrl?: string },
): Promise<ExitCode> {
  const client = await BigQueryClient.open(io, options, projectOf(email));
  const file = path.resolve(io.cwd, options.out);
  const handle = await open(file, 'wx', 0o600).catch((cause: unknown): never => {
    throw unwritable(options.out, cause);
  });
  try {
    const key = await client.call('POST', `${accountPath(email)}/keys`, { where: email, body: {} });
    await handle.writeFile(keyText(String(key['privateKeyData']), client.url, options.baseUrl));
    await handle.close();
  } catch (error) {
    await handle.close();
    await rm(file, { force: true });
    throw error;
  }
  answer(sessionOf(io, options), { serviceAccount: email, file: options.out }, () => [
    `Wrote a key of ${email} to ${options.out}. Whoever has the file is this account: keep it out of version control.`,
  ]);
  return EXIT.ok;
}

/** The key file names the URLs of the server; `baseUrl` is where its users reach it. */
function keyText(privateKeyData: string, serverUrl: string, baseUrl: string | undefined): string {
  const text = Buffer.from(privateKeyData, 'base64').toString('utf8');
  if (baseUrl === undefined) return `${text}\n`;
  const base = baseUrl.replace(/\/+$/, '');
  const key = Object.entries(JSON.parse(text) as Record<string, string>).map(([name, value]) => [
    name,
    value.startsWith(`${serverUrl}/`) ? base + value.slice(serverUrl.length) : value,
  ]);
  return `${JSON.stringify(Object.fromEntries(key), null, 2)}\n`;
}

function accountPath(email: string): string {
  return `/v1/projects/${encodeURIComponent(projectOf(email))}/serviceAccounts/${encodeURIComponent(email)}`;
}

function projectOf(email: string): string {
  const projectId = /^[^@\s]+@([a-z0-9-]+)\.iam\.gserviceaccount\.com$/.exec(email)?.[1];
  if (projectId !== undefined) return projectId;
  throw new AppError(`${email} is not the e-mail of a service account`, {
    code: 'INVALID_EMAIL',
    kind: 'invalid',
    where: email,
    fix: 'Write it as NAME@PROJECT.iam.gserviceaccount.com.',
  });
}

function onlyProject(dataDir: string): string {
  const ids = projectIds(dataDir);
  if (ids.length === 1) return ids[0] ?? '';
  throw new AppError(`which project? there are ${ids.length}`, {
    code: 'PROJECT_MISSING',
    kind: 'invalid',
    fix:
      ids.length === 0
        ? 'Create one: sluice bigquery project create ID --owner EMAIL'
        : `Name it: --project ${ids.slice(0, 5).join(' | ')}`,
  });
}

function unwritable(file: string, cause: unknown): AppError {
  const exists = (cause as NodeJS.ErrnoException).code === 'EEXIST';
  return new AppError(exists ? `${file} exists already` : `${file} cannot be written: ${messageOf(cause)}`, {
    code: 'OUTPUT_FILE',
    kind: 'invalid',
    where: '--out',
    fix: 'Name a new file in a folder that you may write.',
    cause,
  });
}
