import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { runAndShow, withMapping } from './mapping-session.ts';
import type { GlobalOptions } from './session.ts';

export type ReplayCommandOptions = GlobalOptions & {
  readonly rejected?: boolean;
  readonly record?: readonly string[];
  readonly failOnRejected?: boolean;
};

/** Sends the changes of an earlier sync once more, exactly as they were planned. */
export function replayCommand(io: Io, name: string, syncId: string, options: ReplayCommandOptions): Promise<ExitCode> {
  const replay = {
    syncId,
    rows: options.rejected === true ? 'rejected' : 'all',
    ...(options.record === undefined ? {} : { recordIds: options.record }),
  } as const;
  return withMapping(io, name, options, (session) =>
    runAndShow(io, session, { replay }, options.failOnRejected === true),
  );
}
