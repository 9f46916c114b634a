import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Analyzer } from './analyzer.ts';
import type { AnalyzerTable } from './catalog.ts';
import { ZetaSqlClient } from './client.ts';
import { zetasqlBinary } from './process.ts';

let analyzer: Analyzer;

beforeAll(() => {
  analyzer = new Analyzer();
});

afterAll(async () => {
  await analyzer[Symbol.asyncDispose]();
});

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function untilGone(pid: number): Promise<boolean> {
  for (let i = 0; i < 200 && alive(pid); i += 1) await sleep(25);
  return !alive(pid);
}

describe('Analyzer', () => {
  it('names the tables of a statement but not its WITH entries or arrays', async () => {
    const names = await analyzer.tableNames('WITH w AS (SELECT 1) SELECT * FROM w, `p.d.t` AS t, t.arr, d.`u`');
    expect(new Set(names)).toEqual(new Set([['p.d.t'], ['d', 'u']]));
    const merged = await analyzer.tableNames('MERGE d.t USING d.s ON FALSE WHEN NOT MATCHED THEN INSERT ROW');
    expect(new Set(merged)).toEqual(
      new Set([
        ['d', 't'],
        ['d', 's'],
      ]),
    );
  });

  it('starts again after its process has died', async () => {
    await analyzer.warmUp();
    const pid = await analyzer.pid();
    process.kill(pid, 'SIGKILL');
    expect(await analyzer.tableNames('SELECT 1 FROM d.t')).toEqual([['d', 't']]);
    expect(await analyzer.pid()).not.toBe(pid);
  });

  it('answers many calls at once while its process dies', async () => {
    const calls = Array.from({ length: 30 }, (_, i) => analyzer.tableNames(`SELECT 1 FROM d.t${i}`));
    process.kill(await analyzer.pid(), 'SIGKILL');
    const names = await Promise.all(calls);
    expect(names.map((n) => n[0]?.[1])).toEqual(Array.from({ length: 30 }, (_, i) => `t${i}`));
  });

  it('gives up on a call at its deadline', async () => {
    await using client = new ZetaSqlClient({ callTimeoutMs: 1 });
    const sql = `SELECT ${Array.from({ length: 3000 }, (_, i) => `${i} AS c${i}`).join(', ')}`;
    await expect(client.call('Analyze', { sqlStatement: sql })).rejects.toMatchObject({ reason: 'resourcesExceeded' });
  });

  it('ends with the one who started it', async () => {
    const own = new Analyzer();
    await own.warmUp();
    const pid = await own.pid();
    await own[Symbol.asyncDispose]();
    expect(await untilGone(pid)).toBe(true);
  });

  it('ends when its parent is killed', async () => {
    const module = new URL('./analyzer.ts', import.meta.url).href;
    const code = `import { Analyzer } from ${JSON.stringify(module)}; const a = new Analyzer(); await a.warmUp(); console.log(await a.pid()); setInterval(() => {}, 1000);`;
    const parent = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', '--input-type=module-typescript', '-e', code],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    try {
      const [line] = (await once(parent.stdout, 'data')) as [Buffer];
      const pid = Number(line.toString());
      expect(alive(pid)).toBe(true);
      parent.kill('SIGKILL');
      expect(await untilGone(pid)).toBe(true);
    } finally {
      parent.kill('SIGKILL');
    }
  });
});

describe('zetasqlBinary', () => {
  it('says where there is none', () => {
    expect(() => zetasqlBinary('win32', 'x64')).toThrow('no binary for win32 x64');
  });
});

describe('kept catalogs', () => {
  const table = (name: string): AnalyzerTable => ({
    path: ['d', name],
    id: 1,
    columns: [{ name: `of_${name}`, type: { kind: 'INT64' } }],
  });
  const analyze = async (name: string): Promise<string> =>
    JSON.stringify(
      await analyzer.analyze(`SELECT of_${name} FROM d.${name}`, [table(name)], { mode: 'NAMED', types: new Map() }),
    );

  it('answer as fresh ones do, also after others have pushed them out', async () => {
    const first = await analyze('t0');
    for (let round = 0; round < 3; round += 1) {
      for (let i = 0; i < 40; i += 1) expect(await analyze(`t${i}`)).toContain(`of_t${i}`);
    }
    expect(await analyze('t0')).toBe(first);
  });

  it('stay while a statement uses them, however many others come meanwhile', async () => {
    const names = Array.from({ length: 40 }, (_, i) => `c${i}`);
    const answers = await Promise.all([...names, ...names].map(analyze));
    expect(answers.map((answer, i) => answer.includes(`of_${names[i % 40]!}"`))).toEqual(answers.map(() => true));
  });

  it('are not mixed up by a restart', async () => {
    for (const name of ['a', 'b', 'a', 'b']) await analyze(name);
    process.kill(await analyzer.pid(), 'SIGKILL');
    const answers = await Promise.all(['b', 'a', 'b', 'a', 'b'].map(analyze));
    expect(answers.map((a) => a.includes('of_a'))).toEqual([false, true, false, true, false]);
  });
});
