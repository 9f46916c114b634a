// Runs one sluice command as a user would, and hands back its JSON answer.
import { run } from '../program.ts';

export type CommandContext = {
  readonly projectDirectory: string;
  /** Where progress and errors are shown. */
  readonly err: (text: string) => void;
  readonly errIsTerminal: boolean;
  readonly columns: number;
  readonly signal: AbortSignal;
};

export type CommandAnswer = { readonly code: number; readonly document: unknown };

export async function sluice(context: CommandContext, args: readonly string[]): Promise<CommandAnswer> {
  let output = '';
  const code = await run([...args, '--json'], {
    out: (text) => {
      output += text;
    },
    err: context.err,
    environment: process.env,
    cwd: context.projectDirectory,
    outIsTerminal: false,
    errIsTerminal: context.errIsTerminal,
    columns: context.columns,
    signal: context.signal,
  });
  if (output === '') throw new Error(`sluice ${args.join(' ')} ended with exit code ${code} and without an answer`);
  return { code, document: JSON.parse(output) as unknown };
}

/** The text of an answer's error, or what else came in its place. */
export function errorOf(answer: CommandAnswer): string {
  const { error, message } = answer.document as {
    error?: { message?: string; where?: string; fix?: string };
    message?: string;
  };
  if (error?.message === undefined) return message ?? JSON.stringify(answer.document).slice(0, 300);
  const { where, fix } = error;
  return [
    error.message,
    ...(where === undefined ? [] : [`at ${where}`]),
    ...(fix === undefined ? [] : [`fix: ${fix}`]),
  ].join(' — ');
}
