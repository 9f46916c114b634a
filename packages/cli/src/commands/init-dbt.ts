// The models of a dbt project as entries of a new sluice.yaml.
import path from 'node:path';
import { AppError } from '@sluice/core';
import { selectDbtModels } from '@sluice/engine';
import type { DbtManifest, DbtModel } from '@sluice/engine';

/** Written in place of a key that nobody knows; the next command says that the query has no such column. */
const CHOOSE = 'CHOOSE_A_COLUMN';

/** Names of mappings and models in sluice.yaml. */
const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,62}$/;

/** Throws `DBT_NOTHING_SELECTED` when no model matches the words. */
export function dbtModelsOf(manifest: DbtManifest, select: readonly string[]): readonly DbtModel[] {
  const models = selectDbtModels(manifest, select).filter(({ name }) => NAME.test(name));
  if (models.length > 0) return models;
  const tags = [...new Set(manifest.models.flatMap((model) => model.tags))].toSorted();
  throw new AppError(`No model of the dbt project matches ${select.length === 0 ? 'anything' : select.join(' ')}`, {
    code: 'DBT_NOTHING_SELECTED',
    kind: 'invalid',
    where: manifest.place,
    fix: `Select by name (with *), tag:NAME or path:FOLDER. Models: ${shown(manifest.models.map(({ name }) => name))}; tags: ${shown(tags)}.`,
  });
}

/** The sections `dbt` and `models`, as YAML. `file`: the manifest, from the project folder. */
export function dbtSections(models: readonly DbtModel[], file: string): string {
  const names = new Map<string, number>();
  for (const { name } of models) names.set(name, (names.get(name) ?? 0) + 1);
  const entries = models.map((model) => {
    const unique = names.get(model.name) === 1;
    const name = unique ? model.name : `${model.packageName}_${model.name}`;
    const columns = model.columns.map((column) => column.name);
    const key =
      model.key === undefined
        ? `${CHOOSE}   # dbt tests no column as unique and not_null${columns.length === 0 ? '' : `; it has: ${oneLine(shown(columns))}`}`
        : JSON.stringify(model.key);
    return [
      ...(model.description === '' ? [] : [`  # ${oneLine(model.description)}`]),
      `  ${name}:`,
      `    dbt: ${JSON.stringify(unique ? model.name : model.uniqueId)}`,
      `    key: ${key}`,
    ].join('\n');
  });
  return `# Models come from a dbt project; after a change there: dbt parse
dbt:
  manifest: ${JSON.stringify(file.split(path.sep).join('/'))}

models:
${entries.join('\n')}
`;
}

function shown(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  return names.slice(0, 12).join(', ') + (names.length > 12 ? ', …' : '');
}

function oneLine(text: string): string {
  return (text.split(/[\p{Cc}\u2028\u2029]/u)[0] ?? '').slice(0, 160);
}
