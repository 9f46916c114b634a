import { AppError, messageOf } from '@sluice/core';
import { problemsOf } from '../config/problem.ts';
import type { Style } from './style.ts';

/** The thing, the place and the fix, one line each. */
export function errorLines(error: unknown, style: Style): string[] {
  if (!(error instanceof AppError))
    return [`${style.bad('error')}: ${messageOf(error)}`, `  fix: this is a defect of Sluice; please report it`];
  const problems = problemsOf(error);
  if (problems.length > 0) {
    return [
      `${style.bad('error')}: ${error.message}`,
      ...problems.flatMap((problem) => [
        '',
        `  ${problem.message}`,
        `    at ${problem.where}`,
        `    ${style.dim('fix:')} ${problem.fix}`,
      ]),
    ];
  }
  return [
    `${style.bad('error')}: ${error.message}`,
    ...(error.where === undefined || error.where === '' ? [] : [`  at ${error.where}`]),
    ...(error.fix === undefined ? [] : [`  ${style.dim('fix:')} ${error.fix}`]),
  ];
}
