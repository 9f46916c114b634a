// The guide to clients shows the code that the clients' tests run: every line of it is there.
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';

const ROOT = new URL('../../', import.meta.url);

async function linesOf(file: string): Promise<string[]> {
  const text = await readFile(new URL(file, ROOT), 'utf8');
  return text.split('\n').map((line) => line.trim());
}

/** Lines of the guide's blocks in a language below a heading. */
async function shown(heading: string, language: string): Promise<string[]> {
  const guide = await readFile(new URL('docs/guides/clients.md', ROOT), 'utf8');
  const section = guide.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/^```(\w+)\n(.*?)^```/gms)]
    .filter(([, name]) => name === language)
    .flatMap(([, , block = '']) => block.split('\n'))
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

test.each([
  ['Python', 'python', 'tests/clients/python/world.py', 30],
  ['Go', 'go', 'tests/clients/go/world_test.go', 30],
  ['dbt', 'yaml', 'tests/clients/dbt/profiles.yml', 10],
])('the %s of the guide is what its tests run', async (heading, language, file, least) => {
  const lines = await shown(heading, language);
  expect(lines.length).toBeGreaterThan(least);
  const run = new Set(await linesOf(file));
  expect(lines.filter((line) => !run.has(line))).toEqual([]);
});
