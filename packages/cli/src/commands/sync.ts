import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { runAndShow, withMapping } from './mapping-session.ts';
import type { GlobalOptions } from './session.ts';

export type SyncCommandOptions = GlobalOptions & {
  readonly approve?: string;
  readonly failOnRejected?: boolean;
};

/**
 * Runs one sync. 0 when it succeeded, also when single records were rejected (the report
 * names them and the next sync tries them again) unless --fail-on-rejected asks for 1; 1
 * when it failed, was blocked or canceled.
 */
export function syncCommand(io: Io, name: string, options: SyncCommandOptions): Promise<ExitCode> {
  const more = options.approve === undefined ? {} : { approve: options.approve };
  return withMapping(io, name, options, (session) => runAndShow(io, session, more, options.failOnRejected === true));
}
