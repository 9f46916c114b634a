// What can be said about the options of a start before anything is created.
import { AppError } from '@sluice/core';
import { requireEmail } from './auth/email.ts';
import { isProjectId, PROJECT_ID_RULE } from './catalog/projects.ts';
import type { StartOptions } from './server.ts';

/** AppError `invalid` that names the option. */
export function checkStartOptions(options: Pick<StartOptions, 'project' | 'owner' | 'anonymousAs'>): void {
  const { project, owner, anonymousAs } = options;
  if (project !== undefined && !isProjectId(project)) {
    throw new AppError(`Invalid project id '${project}': ${PROJECT_ID_RULE}.`, {
      code: 'INVALID_PROJECT_ID',
      kind: 'invalid',
      where: '--project',
      fix: 'Choose another id, for example my-project.',
    });
  }
  if (owner !== undefined) requireEmail(owner, '--owner');
  if (anonymousAs !== undefined) requireEmail(anonymousAs, '--anonymous-as');
}
