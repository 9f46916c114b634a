// Everything a command may touch of the process: where it writes, what it reads, how it is
// stopped. Tests hand in their own.
import type { Environment } from './config/environment.ts';

export interface Io {
  /** Standard output: the answer itself. */
  out(text: string): void;
  /** Standard error: progress, hints and errors. */
  err(text: string): void;
  readonly environment: Environment;
  readonly cwd: string;
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  /** Width of the terminal in cells; 100 when there is none. */
  readonly columns: number;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
}
