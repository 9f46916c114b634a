// Exit codes of every command:
// 0  it did what was asked; also when some records of a sync were rejected (see sync --fail-on-rejected)
// 1  it failed: a check or a sync failed or was blocked, the source or destination refused, canceled
// 2  usage or configuration: a wrong argument, sluice.yaml, an environment variable, a key, a query
import { AppError } from '@sluice/core';

export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof AppError && error.kind === 'invalid' && error.origin === 'caller' ? EXIT.usage : EXIT.failed;
}
