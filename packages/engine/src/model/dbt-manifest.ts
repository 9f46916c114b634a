// Models of a dbt project, from the `manifest.json` that dbt writes (target/manifest.json):
// where each one's relation is, its columns, descriptions and tags, and the column that its
// tests say is unique. Manifest schemas v9 (dbt 1.5) to v12 (dbt 1.8 and later):
// https://schemas.getdbt.com. Pure: text in, data out.
import { AppError } from '@sluice/core';

const SCHEMAS = { oldest: 9, newest: 12 } as const;

export type DbtColumn = { readonly name: string; readonly description: string; readonly dataType: string | undefined };

/** A model, seed or snapshot that has a relation in the warehouse. */
export type DbtModel = {
  /** `model.shop.customers`. */
  readonly uniqueId: string;
  readonly name: string;
  readonly packageName: string;
  /** Of the dbt project: `models/marts/customers.sql`. */
  readonly path: string;
  /** As GoogleSQL writes it: `` `project`.`dataset`.`table` ``. */
  readonly relation: string;
  readonly description: string;
  readonly tags: readonly string[];
  /** Those that the project documents; not always all. */
  readonly columns: readonly DbtColumn[];
  /** The only column with the tests `unique` and `not_null`, or the configuration's `unique_key`. */
  readonly key: string | undefined;
};

export type DbtManifest = {
  readonly place: string;
  readonly models: readonly DbtModel[];
  /** Nodes that cannot be read, by name, with the reason. */
  readonly unusable: ReadonlyMap<string, string>;
};

type Json = Readonly<Record<string, unknown>>;

/** Throws `DBT_MANIFEST_INVALID`. `place`: the file, for messages. */
export function readManifest(text: string, place: string): DbtManifest {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw invalid(place, 'it is not JSON');
  }
  const { metadata, nodes } = object(document);
  const version = /\/manifest\/v(\d+)(?:\.json)?$/.exec(textOf(object(metadata)['dbt_schema_version']))?.[1];
  if (version === undefined) throw invalid(place, 'it has no metadata.dbt_schema_version of a manifest');
  if (Number(version) < SCHEMAS.oldest || Number(version) > SCHEMAS.newest) {
    throw invalid(
      place,
      `its schema is v${version}; v${SCHEMAS.oldest} to v${SCHEMAS.newest} are known`,
      `Write it with dbt 1.5 or later: dbt parse`,
    );
  }
  const adapter = textOf(object(metadata)['adapter_type']);
  if (adapter !== 'bigquery')
    throw invalid(place, `its project is for ${adapter === '' ? 'no warehouse' : adapter}, not for BigQuery`);
  const all = Object.entries(object(nodes)).map(([uniqueId, node]) => ({ uniqueId, node: object(node) }));
  const keys = testedKeys(all.map(({ node }) => node));
  const models: DbtModel[] = [];
  const unusable = new Map<string, string>();
  for (const { uniqueId, node } of all) {
    if (!['model', 'seed', 'snapshot'].includes(textOf(node['resource_type']))) continue;
    const reason = reasonAgainst(node);
    if (reason === undefined) models.push(modelOf(uniqueId, node, keys.get(uniqueId)));
    else unusable.set(textOf(node['name']), reason);
  }
  return { place, models: models.toSorted((a, b) => (a.uniqueId < b.uniqueId ? -1 : 1)), unusable };
}

/** By name, `package.name` or unique id. Throws `DBT_NODE_UNKNOWN` or `DBT_NODE_AMBIGUOUS`. */
export function findDbtModel(manifest: DbtManifest, name: string): DbtModel {
  const found = manifest.models.filter(
    (model) => model.uniqueId === name || model.name === name || `${model.packageName}.${model.name}` === name,
  );
  const [only, other] = found;
  if (only !== undefined && other === undefined) return only;
  if (only !== undefined) {
    throw nodeError(
      manifest,
      'DBT_NODE_AMBIGUOUS',
      `more than one dbt model is called "${name}"`,
      `Write one of: ${found.map((model) => model.uniqueId).join(', ')}.`,
    );
  }
  const reason = manifest.unusable.get(name.slice(name.lastIndexOf('.') + 1));
  if (reason !== undefined)
    throw nodeError(
      manifest,
      'DBT_NODE_UNUSABLE',
      `dbt model "${name}" cannot be read: ${reason}`,
      'Materialize it as a table or a view.',
    );
  const names = manifest.models.map((model) => model.name);
  const near = nearest(name, names);
  throw nodeError(
    manifest,
    'DBT_NODE_UNKNOWN',
    `there is no dbt model "${name}"`,
    near.length > 0
      ? `Did you mean ${near.map((each) => `"${each}"`).join(' or ')}? After a change of the dbt project: dbt parse`
      : `It has: ${names.slice(0, 12).join(', ')}${names.length > 12 ? ', …' : ''}. After a change of the dbt project: dbt parse`,
  );
}

/** The models that match all of the words: `tag:NAME`, `path:FOLDER`, a name (with `*`), or nothing for all. */
export function selectDbtModels(manifest: DbtManifest, words: readonly string[]): readonly DbtModel[] {
  return manifest.models.filter((model) => words.every((word) => matches(model, word)));
}

/** One query over the relation, the documentation as its comment. */
export function dbtModelSql(model: DbtModel): string {
  const described = firstLine(model.description);
  return `-- dbt: ${firstLine(model.uniqueId)} (${firstLine(model.path)})${described === '' ? '' : `\n-- ${described}`}\nSELECT *\nFROM ${model.relation}`;
}

/** What a comment may hold: a line ends with any of these in GoogleSQL or in an editor. */
function firstLine(text: string): string {
  return text.split(/[\p{Cc}\u2028\u2029]/u)[0] ?? '';
}

function matches(model: DbtModel, word: string): boolean {
  if (word.startsWith('tag:')) return model.tags.includes(word.slice('tag:'.length));
  if (word.startsWith('path:')) {
    const folder = word.slice('path:'.length).replace(/\/+$/, '');
    return model.path === folder || model.path.startsWith(`${folder}/`);
  }
  const pattern = new RegExp(`^${word.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`);
  return [model.name, model.uniqueId, `${model.packageName}.${model.name}`].some((name) => pattern.test(name));
}

function reasonAgainst(node: Json): string | undefined {
  const config = object(node['config']);
  if (config['enabled'] === false) return 'it is disabled';
  if (textOf(config['materialized']) === 'ephemeral') return 'it is ephemeral, so it has no relation in BigQuery';
  return relationOf(node) === undefined ? 'the manifest does not say where its relation is' : undefined;
}

/** Names with anything else in them could leave the quotes that they stand in. */
function relationOf(node: Json): string | undefined {
  const parts = [node['database'], node['schema'], node['alias'] ?? node['name']].map(textOf);
  return parts.every((part) => /^[^`\\\s][^`\\\n\r]*$/.test(part))
    ? parts.map((part) => `\`${part}\``).join('.')
    : undefined;
}

function modelOf(uniqueId: string, node: Json, tested: string | undefined): DbtModel {
  const config = object(node['config']);
  const declared = config['unique_key'];
  return {
    uniqueId,
    name: textOf(node['name']),
    packageName: textOf(node['package_name']),
    path: textOf(node['original_file_path']),
    relation: relationOf(node) ?? '',
    description: textOf(node['description']),
    tags: listOf(node['tags']),
    columns: Object.values(object(node['columns'])).map((column) => {
      const { name, description, data_type: dataType } = object(column);
      return {
        name: textOf(name),
        description: textOf(description),
        dataType: typeof dataType === 'string' && dataType !== '' ? dataType : undefined,
      };
    }),
    key: tested ?? (typeof declared === 'string' && declared !== '' ? declared : undefined),
  };
}

/** Per node, the column that has both tests, when there is exactly one. */
function testedKeys(nodes: readonly Json[]): Map<string, string> {
  const seen = new Map<string, Map<string, Set<string>>>();
  for (const node of nodes) {
    if (textOf(node['resource_type']) !== 'test') continue;
    const test = object(node['test_metadata']);
    const attached = textOf(node['attached_node']);
    const column = textOf(object(test['kwargs'])['column_name']) || textOf(node['column_name']);
    const name = textOf(test['name']);
    if (attached === '' || column === '' || (name !== 'unique' && name !== 'not_null')) continue;
    const columns = seen.get(attached) ?? new Map<string, Set<string>>();
    seen.set(attached, columns.set(column, (columns.get(column) ?? new Set<string>()).add(name)));
  }
  const keys = new Map<string, string>();
  for (const [node, columns] of seen) {
    const [only, other] = [...columns].filter(([, tests]) => tests.size === 2);
    if (only !== undefined && other === undefined) keys.set(node, only[0]);
  }
  return keys;
}

/** Up to three names that share the most with the one that was meant: by common beginnings, endings and parts. */
function nearest(name: string, names: readonly string[]): string[] {
  const pairs = (text: string): Set<string> => {
    const lower = ` ${text.toLowerCase()} `;
    return new Set(Array.from({ length: lower.length - 1 }, (_each, at) => lower.slice(at, at + 2)));
  };
  const wanted = pairs(name.slice(name.lastIndexOf('.') + 1));
  return names
    .map((candidate) => {
      const has = pairs(candidate);
      const common = [...wanted].filter((pair) => has.has(pair)).length;
      return { candidate, likeness: (2 * common) / (wanted.size + has.size) };
    })
    .filter(({ likeness }) => likeness >= 0.5)
    .toSorted((a, b) => b.likeness - a.likeness)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

function object(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function listOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : [];
}

function invalid(place: string, what: string, fix = 'Write it anew in the dbt project: dbt parse'): AppError {
  return new AppError(`The dbt manifest cannot be used: ${what}`, {
    code: 'DBT_MANIFEST_INVALID',
    kind: 'invalid',
    where: place,
    fix,
  });
}

function nodeError({ place }: DbtManifest, code: string, what: string, fix: string): AppError {
  return new AppError(what, { code, kind: 'invalid', where: place, fix });
}
