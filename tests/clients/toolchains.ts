// Python and Go for the tests of clients: found on the path, with what the tests need put
// into a cache folder under node_modules, so that nothing of the machine is changed.
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { run } from './run.ts';

const ROOT = resolve(import.meta.dirname, '../..');
export const CACHE = join(ROOT, 'node_modules/.cache/sluice-clients');
const INSTALL_LIMIT_MS = 15 * 60_000;
const PROBE_LIMIT_MS = 60_000;

/** Environment variables of a language's programs. */
export type Toolchain = { readonly environment: Readonly<Record<string, string>> };

/** A language that is not on this machine: the test is skipped, with this text. */
export class Missing extends Error {}

/** A virtual environment with these packages; made again when the list changes. */
export async function python(requirements: readonly string[]): Promise<Toolchain & { readonly bin: string }> {
  await present('python3', ['-c', 'import sys, venv, ensurepip; assert sys.version_info >= (3, 10)'], 'Python 3.10+');
  const folder = join(CACHE, 'python');
  const bin = join(folder, 'bin');
  const stamp = join(folder, 'installed');
  const texts = await Promise.all(requirements.map((file) => readFile(file, 'utf8')));
  const wanted = createHash('sha256').update(texts.join('\n')).digest('hex');
  const installed = await readFile(stamp, 'utf8').catch(() => '');
  if (installed !== wanted) {
    await rm(folder, { recursive: true, force: true });
    await mkdir(CACHE, { recursive: true });
    await run('python3', ['-m', 'venv', folder], { timeoutMs: INSTALL_LIMIT_MS });
    const files = requirements.flatMap((file) => ['-r', file]);
    await run(join(bin, 'python'), ['-m', 'pip', 'install', '--quiet', ...files], { timeoutMs: INSTALL_LIMIT_MS });
    await writeFile(stamp, wanted);
  }
  return {
    bin,
    environment: {
      PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}`,
      PYTHONDONTWRITEBYTECODE: '1',
      // What a user of this machine is signed in with must not reach the tests.
      GOOGLE_APPLICATION_CREDENTIALS: '',
      CLOUDSDK_CONFIG: join(CACHE, 'no-gcloud'),
    },
  };
}

/** Go with module and build caches of its own; `folder` holds go.mod. */
export async function go(folder: string): Promise<Toolchain> {
  await present('go', ['version'], 'Go');
  const environment = {
    GOMODCACHE: join(CACHE, 'go/mod'),
    GOCACHE: join(CACHE, 'go/build'),
    // Module files may be deleted like everything else in node_modules.
    GOFLAGS: '-modcacherw',
    GOOGLE_APPLICATION_CREDENTIALS: '',
    CLOUDSDK_CONFIG: join(CACHE, 'no-gcloud'),
  };
  await run('go', ['mod', 'download'], { cwd: folder, environment, timeoutMs: INSTALL_LIMIT_MS });
  return { environment };
}

async function present(command: string, probe: readonly string[], name: string): Promise<void> {
  try {
    await run(command, probe, { timeoutMs: PROBE_LIMIT_MS });
  } catch {
    throw new Missing(`${name} is not installed on this machine`);
  }
}
