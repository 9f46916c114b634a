import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBigQuery } from '../server.ts';
import { DataDirectory } from './data-directory.ts';

let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'sluice-data-directory-'));
});

afterAll(() => rm(root, { recursive: true, force: true }));

const code = (path: string): unknown => {
  try {
    using directory = new DataDirectory(path);
    return directory.path;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
};

describe('a data directory', () => {
  it('is made with the directories above it, for its owner alone', async () => {
    const path = join(root, 'a', 'b', 'c');
    expect(code(path)).toBe(path);
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    expect(code(path)).toBe(path);
  });

  it('is refused where there is a file, or below one', async () => {
    const file = join(root, 'file');
    await writeFile(file, 'kept');
    expect(code(file)).toBe('DATA_DIRECTORY_UNUSABLE');
    expect(code(join(file, 'below'))).toBe('DATA_DIRECTORY_UNUSABLE');
  });

  it.runIf(existsSync('/proc/self'))('is refused where the system makes no directories, at once', () => {
    expect(code('/proc/sluice/data')).toBe('DATA_DIRECTORY_UNUSABLE');
  });
});

describe('options of a start that are wrong', () => {
  it.each([
    ['INVALID_PROJECT_ID', { project: 'Bad', owner: 'ana@example.com' }],
    ['INVALID_EMAIL', { project: 'good-project', owner: 'ana' }],
    ['INVALID_EMAIL', { anonymousAs: 'nobody' }],
  ])('are refused with %s and create nothing', async (expected, options) => {
    const dataDir = join(root, 'never');
    await expect(startBigQuery({ dataDir, port: 0, ...options })).rejects.toMatchObject({ code: expected });
    expect(existsSync(dataDir)).toBe(false);
  });
});
