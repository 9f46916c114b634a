// Writes the start of a project folder. Never overwrites: when one of the files exists,
// nothing is written at all.
import { constants } from 'node:fs';
import { access, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '@sluice/core';
import { loadManifest } from '../config/dbt.ts';
import { CONFIG_FILE, shownPath } from '../config/project.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { dbtModelsOf, dbtSections } from './init-dbt.ts';
import { answer, projectDirectory, sessionOf } from './session.ts';
import type { GlobalOptions } from './session.ts';

const sluiceYaml = `# A Sluice project: where the data is, what a record is, where it goes.
# \${NAME} is replaced by an environment variable when the entry is used.

source:
  type: bigquery
  project: my-project            # runs and pays for the queries
  location: US                   # Data Location of the datasets: US, EU, europe-west3, …
  # The service account's JSON key: its text in a variable, or { keyFile: keys/sluice.json }.
  credentials: \${SLUICE_BIGQUERY_KEY}
  # endpoint: http://127.0.0.1:9050          # a local BigQuery: sluice bigquery start
  # read: storage                            # plans by the Storage Read API, not tabledata.list
  # storage_endpoint: http://127.0.0.1:9060  # with endpoint and read: storage
  # state_dataset: __segment_reverse_etl     # where Sluice keeps what was sent

# A model is one SELECT statement in models/NAME.sql and the column that identifies a record.
models:
  example:
    key: id

destinations:
  changes:
    type: file
    settings:
      directory: changes       # one file per sync is written here
      format: ndjson           # or csv

# A mapping sends the changes of a model to one action of a destination.
mappings:
  example-to-file:
    model: example
    destination: changes
    action: append
    send: [added, updated, deleted]
    # state: values              # keep what was sent, so that a plan shows old beside new
    # guards:                    # past one of these a sync stops before it sends anything
    #   max_deleted_share: 0.5
    #   allow_empty_model: false
`;

const exampleSql = `-- One row per record; the column "id" is the unique identifier (sluice.yaml, models.example.key).
SELECT id, name
FROM UNNEST([
  STRUCT('1' AS id, 'first record' AS name),
  STRUCT('2' AS id, 'second record' AS name)
])
`;

const gitignore = `# Journals of running syncs, keys and the files that the example writes
.sluice/
keys/
.env
changes/
`;

type Files = readonly (readonly [name: string, content: string])[];

const example: Files = [
  [CONFIG_FILE, sluiceYaml],
  ['models/example.sql', exampleSql],
  ['.gitignore', gitignore],
];

export type InitOptions = GlobalOptions & {
  /** The manifest of a dbt project, whose models become those of the new one. */
  readonly dbt?: string;
  /** Which of them: names with `*`, `tag:NAME`, `path:FOLDER`; all of the words must match. */
  readonly select?: readonly string[];
};

export async function initCommand(io: Io, directory: string | undefined, options: InitOptions): Promise<ExitCode> {
  const session = sessionOf(io, options);
  const root = directory === undefined ? projectDirectory(io, options) : path.resolve(io.cwd, directory);
  const files = options.dbt === undefined ? example : await dbtFiles(io, root, options.dbt, options.select ?? []);
  for (const [name] of files) {
    const file = path.join(root, name);
    if (await exists(file)) {
      const shown = shownPath(io.cwd, file);
      throw new AppError(`${shown} exists already; nothing was written`, {
        code: 'FILE_EXISTS',
        kind: 'invalid',
        where: shown,
        fix: 'Choose another folder: sluice init DIR',
      });
    }
  }
  for (const [name, content] of files) {
    const file = path.join(root, name);
    try {
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, content, { flag: 'wx' });
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
      throw new AppError(`cannot write ${shownPath(io.cwd, file)} (${code})`, {
        code: 'CANNOT_WRITE',
        kind: 'invalid',
        where: shownPath(io.cwd, file),
        fix: 'Choose a folder that you may write: sluice init DIR',
        cause: error,
      });
    }
  }
  await mkdir(path.join(root, 'changes'), { recursive: true });
  const shown = shownPath(io.cwd, root);
  answer(session, { directory: root, files: files.map(([name]) => name) }, () => [
    `A new project in ${shown}:`,
    ...files.map(([name]) => `  ${name}`),
    '',
    `Next: fill in ${path.join(shown, CONFIG_FILE)}, then run: sluice test-connection${shown === '.' ? '' : ` -C ${shown}`}`,
  ]);
  return EXIT.ok;
}

/** The example with the models of a dbt project in place of its own. */
async function dbtFiles(io: Io, root: string, manifestFile: string, select: readonly string[]): Promise<Files> {
  const file = path.resolve(io.cwd, manifestFile);
  const models = dbtModelsOf(await loadManifest(file, shownPath(io.cwd, file)), select);
  const sections = dbtSections(models, path.relative(root, file));
  const [first] = /^  ([\w-]+):$/m.exec(sections.slice(sections.indexOf('\nmodels:')))?.slice(1) ?? [];
  const yaml = sluiceYaml
    .replace(/# A model is one SELECT[^]*?(?=\ndestinations:)/, () => sections)
    .replaceAll('example-to-file', () => `${first ?? 'example'}-to-file`)
    .replace('model: example', () => `model: ${first ?? 'example'}`);
  return [
    [CONFIG_FILE, yaml],
    ['.gitignore', gitignore],
  ];
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file, constants.F_OK);
    return true;
  } catch (error) {
    // A path through a file is refused by the write below, with its reason.
    return !(error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'));
  }
}
