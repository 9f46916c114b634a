// Entry point of `sluice`: joins the program to the process. The first SIGINT or SIGTERM
// asks the command to stop cleanly, a second one ends the process at once.
import { enableCompileCache } from 'node:module';
import os from 'node:os';
import path from 'node:path';

// Compiling what is imported takes half of a start; below the user's own folder, because
// nobody else may write what runs here. Without a cache all goes on as usual.
const cacheHome = process.env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache');
enableCompileCache(path.join(cacheHome, 'sluice', 'compiled'));
const { run } = await import('./program.ts');

const controller = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => controller.abort(new DOMException(`stopped by ${signal}`, 'AbortError')));
}
// A reader that has gone (`sluice preview m | head -1`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

process.exitCode = await run(process.argv.slice(2), {
  out: (text) => {
    process.stdout.write(text);
  },
  err: (text) => {
    process.stderr.write(text);
  },
  environment: process.env,
  cwd: process.cwd(),
  outIsTerminal: process.stdout.isTTY,
  errIsTerminal: process.stderr.isTTY,
  columns: process.stdout.columns ?? process.stderr.columns ?? 100,
  signal: controller.signal,
});
