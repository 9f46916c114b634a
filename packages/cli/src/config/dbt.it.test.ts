// Models that come from a dbt project: named in sluice.yaml, or taken over by sluice init.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { initCommand } from '../commands/init.ts';
import type { Io } from '../io.ts';
import { Project } from './project.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'dbt-'));
  await mkdir(path.join(dir, 'target'));
  await writeFile(path.join(dir, 'target', 'manifest.json'), manifest);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const node = (name: string, tags: string[], description: string): object => ({
  resource_type: 'model',
  name,
  package_name: 'shop',
  database: 'acme',
  schema: 'marts',
  alias: name,
  original_file_path: `models/${name}.sql`,
  description,
  tags,
  columns: { id: { name: 'id' }, email: { name: 'email' } },
  config: { materialized: 'table' },
});
const test_ = (name: string): object => ({
  resource_type: 'test',
  attached_node: 'model.shop.customers',
  test_metadata: { name, kwargs: { column_name: 'id' } },
});
const manifest = JSON.stringify({
  metadata: { dbt_schema_version: 'https://schemas.getdbt.com/dbt/manifest/v12.json', adapter_type: 'bigquery' },
  nodes: {
    'model.shop.customers': node('customers', ['crm'], 'One row per customer.\nmodels: {}'),
    'model.shop.orders': node('orders', [], ''),
    'test.shop.a': test_('unique'),
    'test.shop.b': test_('not_null'),
  },
});

const source = `source: { type: bigquery, project: acme-prod, location: US, credentials: x }\n`;
const load = (text: string): Project =>
  Project.parse({ directory: dir, cwd: dir, environment: {} }, 'sluice.yaml', source + text);

describe('a model of sluice.yaml', () => {
  test('reads the relation of its dbt model', async () => {
    const project = load('dbt: { manifest: target/manifest.json }\nmodels: { people: { key: id, dbt: customers } }\n');
    expect(await project.model('people')).toMatchObject({
      name: 'people',
      key: 'id',
      place: 'dbt model model.shop.customers',
      sql: expect.stringMatching(/SELECT \*\nFROM `acme`\.`marts`\.`customers`$/) as string,
    });
  });

  test.for([
    [
      'dbt: { manifest: target/manifest.json }\nmodels: { people: { key: id, dbt: custmers } }',
      'DBT_NODE_UNKNOWN',
      'sluice.yaml:3',
    ],
    [
      'dbt: { manifest: elsewhere.json }\nmodels: { people: { key: id, dbt: customers } }',
      'DBT_MANIFEST_NOT_FOUND',
      'sluice.yaml:2',
    ],
    ['models: { people: { key: id, dbt: customers } }', 'DBT_MANIFEST_MISSING', 'sluice.yaml:2'],
    [
      'dbt: { manifest: m }\nmodels: { people: { key: id, dbt: customers, file: x.sql } }',
      'MODEL_FILE_AND_DBT',
      'sluice.yaml:3',
    ],
  ])('is refused with its place: %s', async ([text, code, where]) => {
    await expect(load(text as string).model('people')).rejects.toMatchObject({
      code,
      where: expect.stringContaining(where as string) as string,
    });
  });
});

describe('sluice init --dbt', () => {
  const io = (): { io: Io; out: string[] } => {
    const out: string[] = [];
    const fake = {
      cwd: dir,
      environment: {},
      outIsTerminal: false,
      errIsTerminal: false,
      out: (text: string) => out.push(text),
    };
    return { io: fake as unknown as Io, out };
  };

  test('writes a project that loads, with the keys that dbt knows', async () => {
    await initCommand(io().io, 'all', { dbt: 'target/manifest.json' });
    const text = await readFile(path.join(dir, 'all', 'sluice.yaml'), 'utf8');
    expect(text).toContain('# One row per customer.\n  customers:\n    dbt: "customers"\n    key: "id"');
    expect(text).toContain('key: CHOOSE_A_COLUMN   # dbt tests no column as unique and not_null; it has: id, email');
    const project = await Project.load({ directory: path.join(dir, 'all'), cwd: dir, environment: {} });
    expect(project.modelNames).toEqual(['customers', 'orders']);
    expect(project.mappingNames).toEqual(['customers-to-file']);
    expect((await project.model('customers')).sql).toContain('`acme`.`marts`.`customers`');
  });

  test('takes only what was selected, and says what there is when that is nothing', async () => {
    await initCommand(io().io, 'some', { dbt: 'target/manifest.json', select: ['tag:crm'] });
    const project = await Project.load({ directory: path.join(dir, 'some'), cwd: dir, environment: {} });
    expect(project.modelNames).toEqual(['customers']);
    await expect(
      initCommand(io().io, 'none', { dbt: 'target/manifest.json', select: ['tag:x'] }),
    ).rejects.toMatchObject({
      code: 'DBT_NOTHING_SELECTED',
      fix: expect.stringContaining('tags: crm') as string,
    });
  });
});

test('a destination may have a rate limit of its own, and a source a priority', async () => {
  const project = Project.parse(
    { directory: dir, cwd: dir, environment: {} },
    'sluice.yaml',
    `source: { type: bigquery, project: acme-prod, location: US, credentials: x, priority: batch }
dbt: { manifest: target/manifest.json }
models: { people: { key: id, dbt: customers } }
destinations:
  crm: { type: file, settings: { directory: out }, rate_limit: { requests_per_second: 2.5 } }
mappings: { m: { model: people, destination: crm, action: append } }
`,
  );
  expect((await project.mapping('m')).destination.rateLimit).toEqual({ requestsPerSecond: 2.5, burst: 3 });
});
