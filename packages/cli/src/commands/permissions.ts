import { AppError } from '@sluice/core';
import { advisePermissions } from '@sluice/engine';
import type { PermissionReport } from '@sluice/engine';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { permissionsDocument, permissionsLines } from '../views/permissions.ts';
import type { Notation } from '../views/permissions.ts';
import { answer, loadProject, sessionOf } from './session.ts';
import type { GlobalOptions } from './session.ts';

export type PermissionsCommandOptions = GlobalOptions & { readonly failOnExcess?: boolean; readonly as: Notation };

/**
 * What the source needs in BigQuery, has and has too much; 1 when something is missing or
 * does not work, and with `failOnExcess` also when something is granted beyond need, or
 * when that could not be found out.
 */
export async function permissionsCommand(
  io: Io,
  name: string | undefined,
  options: PermissionsCommandOptions,
): Promise<ExitCode> {
  const session = sessionOf(io, options);
  const project = await loadProject(io, options);
  const source = await project.source();
  if (name !== undefined && name !== source.name)
    throw new AppError(`there is no source "${name}"`, {
      code: 'UNKNOWN_SOURCE',
      kind: 'invalid',
      where: project.placeOf(['source']),
      fix: `The project's source is "${source.name}"; the name may be left out.`,
    });
  const models = await Promise.all(project.modelNames.map((model) => project.model(model)));
  const report = await advisePermissions(source, models, { signal: io.signal });
  answer(session, permissionsDocument(report), () => permissionsLines(report, options.as, session.style));
  return exitCode(report, options.failOnExcess === true);
}

function exitCode({ missing, excess, unchecked, checks }: PermissionReport, failOnExcess: boolean): ExitCode {
  if (missing.length > 0 || checks.some((check) => !check.ok)) return EXIT.failed;
  return failOnExcess && excess.length + unchecked.length > 0 ? EXIT.failed : EXIT.ok;
}
