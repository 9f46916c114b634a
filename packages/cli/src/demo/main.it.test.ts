import { execFile } from 'node:child_process';
import path from 'node:path';
import { expect, it } from 'vitest';

const main = path.join(import.meta.dirname, 'main.ts');
const limitMs = 170_000;

function demo(args: readonly string[]): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', main, ...args],
      { timeout: limitMs, maxBuffer: 16 * 1024 * 1024 },
      (_error, out, err) => resolve({ code: child.exitCode, out, err }),
    );
  });
}

it(
  'walks the main job on real data: all records, then only the changes, then nothing',
  { timeout: limitMs + 10_000 },
  async () => {
    const { code, out, err } = await demo(['--once', '--json']);
    const document = JSON.parse(out.trimEnd().split('\n').at(-1) ?? '') as {
      steps: { name: string; ok: boolean }[];
      syncs: object[];
    };
    expect(document.steps.filter((step) => !step.ok)).toEqual([]);
    expect({ code, err }).toMatchObject({ code: 0 });
    expect(document.steps.length).toBeGreaterThanOrEqual(18);
    const [airports, routes] = ['airports-to-receiver', 'routes-to-receiver'];
    const none = { added: 0, updated: 0, deleted: 0, delivered: 0, rejected: 0 };
    expect(document.syncs).toMatchObject([
      { mapping: airports, ...none, added: 229, delivered: 228, rejected: 1 },
      { mapping: routes, ...none, added: 3399, delivered: 3399 },
      { mapping: airports, ...none, added: 2, updated: 4, deleted: 2, delivered: 8 },
      { mapping: routes, ...none, added: 2, updated: 2, deleted: 2, delivered: 6 },
      { mapping: airports, ...none },
      { mapping: routes, ...none },
    ]);
  },
);

it('refuses an argument that it does not know', async () => {
  const { code, err } = await demo(['--onec']);
  expect(code).toBe(2);
  expect(err).toContain('usage: npm run demo');
});
