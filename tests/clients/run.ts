// One child process to its end, with a time limit for it and everything that it starts.
import { spawn } from 'node:child_process';

export type RunOptions = {
  readonly cwd?: string;
  /** Added to this process's own. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
};

const MAX_OUTPUT_CHARACTERS = 200_000;

/** What it wrote, standard error included; an Error with the end of that when it fails or takes too long. */
export async function run(command: string, args: readonly string[], options: RunOptions): Promise<string> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a process group, so that its children end with it
  });
  let output = '';
  const take = (chunk: Buffer): void => {
    output = (output + chunk.toString('utf8')).slice(-MAX_OUTPUT_CHARACTERS);
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const end = (): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  };
  process.once('exit', end);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    end();
  }, options.timeoutMs);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (code === 0) return output;
    const how = timedOut ? `took longer than ${options.timeoutMs} ms` : `ended with code ${String(code)}`;
    throw new Error(`${command} ${args.join(' ')} ${how}\n${output}`);
  } finally {
    clearTimeout(timer);
    process.off('exit', end);
  }
}
