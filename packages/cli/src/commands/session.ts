// What every command that works on a project needs: the project, the answer's two forms and
// the errors of the engine placed in the user's files.
import path from 'node:path';
import { AppError } from '@sluice/core';
import type { createRegistry } from '@sluice/destinations';
import type { Project } from '../config/project.ts';
import { configError } from '../config/problem.ts';
import type { Scope } from '../config/scope.ts';
import type { Io } from '../io.ts';
import { PLAIN, styleFor } from '../views/style.ts';
import type { Style } from '../views/style.ts';

export type GlobalOptions = { readonly projectDir?: string; readonly json?: boolean };

export type Session = {
  readonly io: Io;
  readonly json: boolean;
  /** Style of standard output. */
  readonly style: Style;
  /** Style of standard error. */
  readonly errStyle: Style;
};

export function sessionOf(io: Io, options: GlobalOptions): Session {
  const json = options.json === true;
  return {
    io,
    json,
    style: json ? PLAIN : styleFor(io.outIsTerminal, io.environment),
    errStyle: styleFor(io.errIsTerminal, io.environment),
  };
}

export function projectDirectory(io: Io, options: GlobalOptions): string {
  return path.resolve(io.cwd, options.projectDir ?? '.');
}

export async function loadProject(io: Io, options: GlobalOptions, scope: Scope = 'all'): Promise<Project> {
  // Only here: with it come the engine and the destinations, tens of megabytes that a command
  // of the local BigQuery would hold for as long as the server runs.
  const { Project } = await import('../config/project.ts');
  return Project.load({ directory: projectDirectory(io, options), cwd: io.cwd, environment: io.environment }, scope);
}

/** Writes the answer: the JSON document, or the lines for people. */
export function answer(session: Session, document: object, lines: () => readonly string[]): void {
  session.io.out(session.json ? `${JSON.stringify(document)}\n` : `${lines().join('\n')}\n`);
}

type Diagnostic = ReturnType<ReturnType<typeof createRegistry>['validate']>[number];

/** What the command worked on when the error came. */
export type Used = { readonly model: string; readonly mapping?: string };

/** The engine knows a model's columns and a mapping's fields, the project knows their lines: joins the two. */
export function placed(error: unknown, project: Project, { model, mapping }: Used): unknown {
  if (!(error instanceof AppError)) return error;
  if (error.code.startsWith('MODEL_KEY_')) {
    const where = project.placeOf(['models', model, 'key']);
    const problem = {
      code: error.code,
      message: error.message,
      where,
      fix: error.fix ?? 'Name a column of the query.',
    };
    return configError([problem]);
  }
  const errors = diagnosticsOf(error).filter((diagnostic) => diagnostic.severity === 'error');
  if (mapping === undefined || errors.length === 0) return error;
  return configError(
    errors.map((diagnostic) => ({
      code: error.code,
      message: `mapping "${mapping}", ${diagnostic.path}: ${diagnostic.message}`,
      where: project.placeInMapping(mapping, diagnostic.path),
      fix: diagnostic.fix ?? 'Correct the value.',
    })),
  );
}

/** The registry and the engine put what they found into `details`, as a list. */
function diagnosticsOf(error: AppError): Diagnostic[] {
  const found = error.details['diagnostics'] ?? error.details['problems'];
  if (!Array.isArray(found)) return [];
  return (found as Partial<Diagnostic>[]).filter(
    (each): each is Diagnostic => typeof each.path === 'string' && typeof each.message === 'string',
  );
}
