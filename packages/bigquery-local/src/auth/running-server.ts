// The server that runs on a data directory, for the command line: where it answers, and a
// token for whoever shall call it. Changes then go through its API, so that one place
// decides what is allowed. Whoever can write the data directory may call as anybody.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '@sluice/core';
import { CatalogDatabase } from '../catalog/database.ts';
import { SERVER_PID_FILE, SERVER_URL_FILE } from '../storage/data-directory.ts';
import { CATALOG_FILE, requireDataDirectory } from './data-directory.ts';
import { IDENTITY_MIGRATIONS, openIdentity } from './identity.ts';
import { issueUserToken } from './user-token.ts';

/** The REST root of the server, `http://127.0.0.1:1234`. AppError `SERVER_NOT_RUNNING` when none runs. */
export function runningServerUrl(dataDir: string): string {
  requireDataDirectory(dataDir);
  const pid = Number(textOf(join(dataDir, SERVER_PID_FILE)));
  const url = textOf(join(dataDir, SERVER_URL_FILE));
  if (url !== undefined && Number.isInteger(pid) && pid > 0 && runs(pid)) return url;
  throw new AppError(`No local BigQuery runs on ${dataDir}.`, {
    code: 'SERVER_NOT_RUNNING',
    kind: 'unavailable',
    where: dataDir,
    fix: `Start it in another terminal: sluice bigquery start --data-dir ${dataDir} --port 0`,
  });
}

/**
 * A user's token of five minutes. `email` undefined: for a user who owns the project by its
 * own policy. AppError: no such project, or no user owns it.
 */
export async function setUpToken(
  dataDir: string,
  asked: { readonly email: string } | { readonly ownerOf: string },
): Promise<string> {
  requireDataDirectory(dataDir);
  const email = 'email' in asked ? asked.email : ownerOf(dataDir, asked.ownerOf);
  return issueUserToken({ dataDir, email, lifetimeSeconds: 300 });
}

/** Ids of the projects that are not deleted. */
export function projectIds(dataDir: string): readonly string[] {
  requireDataDirectory(dataDir);
  using db = new CatalogDatabase(join(dataDir, CATALOG_FILE), IDENTITY_MIGRATIONS);
  return openIdentity(db, dataDir)
    .projects.list()
    .map(({ projectId }) => projectId);
}

function ownerOf(dataDir: string, projectId: string): string {
  using db = new CatalogDatabase(join(dataDir, CATALOG_FILE), IDENTITY_MIGRATIONS);
  const { projects, policies, users } = openIdentity(db, dataDir);
  if (projects.find(projectId) === undefined) {
    throw new AppError(`There is no project ${projectId}.`, {
      code: 'PROJECT_NOT_FOUND',
      kind: 'not_found',
      where: projectId,
      fix: `Create it: sluice bigquery project create ${projectId} --owner EMAIL`,
    });
  }
  const owner = (policies.find(projectId)?.bindings ?? [])
    .filter(({ role, condition }) => role === 'roles/owner' && condition === undefined)
    .flatMap(({ members }) => members)
    .flatMap((member) => (member.startsWith('user:') ? [member.slice('user:'.length)] : []))
    .find((email) => users.find(email)?.suspended === false);
  if (owner !== undefined) return owner;
  throw new AppError(`No user owns the project ${projectId} by its own policy.`, {
    code: 'PROJECT_WITHOUT_OWNER',
    kind: 'invalid',
    where: projectId,
    fix: 'Say who calls: --as EMAIL.',
  });
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // A process of another user may not be signalled, but it is there.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
