// The one JSON document that each command prints with --json. The shapes are public: what
// is added stays, nothing is renamed.
import { AppError, messageOf } from '@sluice/core';
import type { CheckResult, GrantAdvice } from '@sluice/engine';
import { problemsOf } from '../config/problem.ts';
import type { StatusOfEntry } from './status.ts';

/**
 * `{ source, ok, checks: […], needed: [{ permission, resource }], ways: [{ words, commands }] }`;
 * `ok` is true when every check passed, and `needed` and `ways` are then empty.
 */
export function connectionDocument(source: string, checks: readonly CheckResult[], advice: GrantAdvice): object {
  return { source, ok: checks.every((check) => check.ok), checks, ...advice };
}

/** `{ mappings: […] }`, each with `problems: [{ code, message, where, fix }]` when its entry in sluice.yaml has any. */
export function statusDocument(mappings: readonly StatusOfEntry[]): object {
  return { mappings };
}

/** `{ error: { code, kind, message, where?, fix?, problems? } }` */
export function errorDocument(error: unknown): object {
  if (!(error instanceof AppError)) return { error: { code: 'INTERNAL', kind: 'internal', message: messageOf(error) } };
  const problems = problemsOf(error);
  return {
    error: {
      code: error.code,
      kind: error.kind,
      message: error.message,
      ...(error.where === undefined ? {} : { where: error.where }),
      ...(error.fix === undefined ? {} : { fix: error.fix }),
      ...(problems.length === 0 ? {} : { problems }),
    },
  };
}
