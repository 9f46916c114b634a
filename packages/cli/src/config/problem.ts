// Problems of the configuration. Several are collected before one error is thrown, so that
// the user mends a file once and not line by line.
import { AppError } from '@sluice/core';

/** One thing that is wrong, where, and how to mend it. */
export type Problem = {
  readonly code: string;
  readonly message: string;
  /** `sluice.yaml:12:5` */
  readonly where: string;
  readonly fix: string;
};

/** The error of one or more problems; all of them stand in `details.problems`. */
export function configError(problems: readonly Problem[]): AppError {
  const [first] = problems;
  if (first === undefined) throw new TypeError('configError needs at least one problem');
  if (problems.length === 1)
    return new AppError(first.message, { code: first.code, kind: 'invalid', where: first.where, fix: first.fix });
  return new AppError(`${problems.length} problems in the configuration`, {
    code: 'INVALID_CONFIG',
    kind: 'invalid',
    where: first.where,
    fix: 'Mend each of the problems listed.',
    details: { problems },
  });
}

/** The problems that an error of `configError` stands for. */
export function problemsOf(error: AppError): readonly Problem[] {
  const problems = error.details['problems'];
  if (!Array.isArray(problems)) return [];
  return (problems as Partial<Problem>[]).filter(
    (problem): problem is Problem => typeof problem.where === 'string' && typeof problem.message === 'string',
  );
}
