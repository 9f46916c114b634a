// A project folder: sluice.yaml and its SQL files. Loading checks the shape and the
// references of the whole document; environment variables, files and keys are looked at
// only for the source, model or mapping that a command uses.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError, OPERATIONS } from '@sluice/core';
import type { JsonObject, Operation } from '@sluice/core';
import { SYNC_MODES, SYNC_MODE_FIELD, dbtModelSql, findDbtModel, modeOperations } from '@sluice/engine';
import type { OAuthConfig } from '@sluice/destinations';
import type { MappingConfig, ModelConfig, SourceConfig } from '@sluice/engine';
import { ConfigDocument } from './document.ts';
import type { Path } from './document.ts';
import { parseKey } from './credentials.ts';
import { loadManifest } from './dbt.ts';
import { expand, expandText } from './environment.ts';
import type { Environment, MissingVariable } from './environment.ts';
import { guardsOf, limitsOf, rateLimitOf } from './guards.ts';
import { configError } from './problem.ts';
import type { Problem } from './problem.ts';
import { readDocument } from './scope.ts';
import type { Scope, SetAside } from './scope.ts';
import type { MappingEntry, ModelEntry, OAuthEntry, ProjectDocument } from './schema.ts';
import { didYouMean } from './suggest.ts';

export const CONFIG_FILE = 'sluice.yaml';

/** Larger files are refused: neither a configuration nor a query is that long. */
const maxFileBytes = 4 * 1024 * 1024;

export type LoadOptions = {
  /** The project folder. */
  readonly directory: string;
  /** Paths in messages are relative to it. */
  readonly cwd: string;
  readonly environment: Environment;
};

export type DestinationConfig = {
  readonly name: string;
  readonly type: string;
  readonly settings: JsonObject;
  readonly rateLimit?: NonNullable<MappingConfig['destination']['rateLimit']>;
  readonly oauth?: OAuthConfig;
  /** `oauth.connection`: what the stored tokens are called. */
  readonly connection?: string;
};

export class Project {
  readonly directory: string;
  readonly #cwd: string;
  readonly #environment: Environment;
  readonly #document: ConfigDocument;
  readonly #config: ProjectDocument;
  readonly #setAside: SetAside;

  private constructor(options: LoadOptions, document: ConfigDocument, config: ProjectDocument, setAside: SetAside) {
    this.directory = options.directory;
    this.#cwd = options.cwd;
    this.#environment = options.environment;
    this.#document = document;
    this.#config = config;
    this.#setAside = setAside;
  }

  /** Throws an AppError that names every problem of shape or reference, within the scope, with its place. */
  static async load(options: LoadOptions, scope: Scope = 'all'): Promise<Project> {
    const file = path.join(options.directory, CONFIG_FILE);
    const shown = shownPath(options.cwd, file);
    const text = await readText(file, (reason) => ({
      code: 'CONFIG_NOT_FOUND',
      message: `${shown} ${reason}`,
      where: shown,
      fix: 'Run the command in a project folder, name one with --project-dir, or create one with: sluice init',
    }));
    return Project.parse(options, shown, text, scope);
  }

  /** The project of a text; `file` is its name in messages. */
  static parse(options: LoadOptions, file: string, text: string, scope: Scope = 'all'): Project {
    const document = new ConfigDocument(file, text);
    const { config, setAside } = readDocument(document, scope);
    const project = new Project(options, document, config, setAside);
    const problems = project.#checkReferences();
    if (scope === 'all' && problems.size > 0) throw configError([...problems.values()].flat());
    return project;
  }

  get mappingNames(): readonly string[] {
    const broken = [...this.#setAside.keys()].filter((key) => key.startsWith('mappings.'));
    return [...Object.keys(this.#config.mappings), ...broken.map((key) => key.slice('mappings.'.length))];
  }

  get modelNames(): readonly string[] {
    return Object.keys(this.#config.models);
  }

  get destinationNames(): readonly string[] {
    return Object.keys(this.#config.destinations);
  }

  /** What names a mapping's state, and what is wrong with its entry; needs neither SQL files nor secrets. */
  mappingEntry(name: string): { readonly name: string; readonly id: string; readonly problems: readonly Problem[] } {
    if (!this.mappingNames.includes(name)) throw this.#unknown('mapping', name, this.mappingNames);
    const problems = this.#setAside.get(`mappings.${name}`) ?? this.#checkReferences().get(name) ?? [];
    return { name, id: stateId(name), problems };
  }

  /** Where the journals of running syncs are kept. */
  get journalDirectory(): string {
    return path.join(this.directory, '.sluice', 'journal');
  }

  /** `sluice.yaml:12:5` of something inside the document. */
  placeOf(at: Path): string {
    return this.#document.placeOfValue(at);
  }

  async source(): Promise<SourceConfig> {
    const { name, project, location, credentials, endpoint, read } = this.#config.source;
    const { state_dataset: stateDataset, storage_endpoint: storageEndpoint, priority } = this.#config.source;
    const missing: MissingVariable[] = [];
    const text = (value: string, key: string): string => expandText(value, ['source', key], this.#environment, missing);
    const config = {
      kind: 'bigquery',
      name,
      projectId: text(project, 'project'),
      location: text(location, 'location'),
      ...(endpoint === undefined ? {} : { endpoint: text(endpoint, 'endpoint') }),
      ...(priority === 'interactive' ? {} : { priority }),
      ...(read === 'rest' ? {} : { read }),
      ...(storageEndpoint === undefined ? {} : { storageEndpoint: text(storageEndpoint, 'storage_endpoint') }),
      stateDataset,
    } as const;
    const keyFile =
      typeof credentials === 'string'
        ? undefined
        : expandText(credentials.keyFile, ['source', 'credentials', 'keyFile'], this.#environment, missing);
    const keyText = typeof credentials === 'string' ? text(credentials, 'credentials') : '';
    this.#refuse(missing);
    if (config.endpoint !== undefined && !/^https?:\/\/[^/]/.test(config.endpoint)) {
      throw this.#error(
        ['source', 'endpoint'],
        'INVALID_ENDPOINT',
        'endpoint must be a URL',
        "Write for example http://127.0.0.1:9050, or remove it to use Google's service.",
      );
    }
    if (config.storageEndpoint !== undefined && !/^https?:\/\/[^/]/.test(config.storageEndpoint)) {
      throw this.#error(
        ['source', 'storage_endpoint'],
        'INVALID_ENDPOINT',
        'storage_endpoint must be a URL',
        "Write for example http://127.0.0.1:9060, or remove it to use Google's service.",
      );
    }
    if (config.read === 'storage' && config.endpoint !== undefined && config.storageEndpoint === undefined) {
      throw this.#error(
        ['source', 'read'],
        'STORAGE_ENDPOINT_MISSING',
        'read: storage with an endpoint of your own needs storage_endpoint too',
        'Set source.storage_endpoint to the address that `sluice bigquery start` prints, for example http://127.0.0.1:9060.',
      );
    }
    return { ...config, credentials: await this.#key(keyText, keyFile) };
  }

  async model(name: string): Promise<ModelConfig> {
    const entry = this.#config.models[name];
    if (entry === undefined) throw this.#unknown('model', name, Object.keys(this.#config.models));
    if (entry.dbt !== undefined) return this.#dbtModel(name, entry, entry.dbt);
    const file = path.resolve(this.directory, entry.file ?? path.join('models', `${name}.sql`));
    const shown = shownPath(this.#cwd, file);
    const sql = await readText(file, (reason) => ({
      code: 'MODEL_FILE_NOT_FOUND',
      message: `the file of model "${name}", ${shown}, ${reason}`,
      where:
        entry.file === undefined ? this.#document.placeOfKey(['models', name]) : this.placeOf(['models', name, 'file']),
      fix: `Create ${shown} with one SELECT statement, or set models.${name}.file.`,
    }));
    if (sql.trim() === '')
      throw new AppError(`${shown} holds no query`, {
        code: 'EMPTY_MODEL',
        kind: 'invalid',
        where: `${shown}:1:1`,
        fix: 'Write one SELECT statement.',
      });
    return this.#modelOf(name, entry, sql, shown);
  }

  #modelOf(name: string, { key, timestamp }: ModelEntry, sql: string, place: string): ModelConfig {
    const limits = limitsOf(this.#config.limits);
    return { name, sql, key, place, limits, ...(timestamp === undefined ? {} : { timestamp }) };
  }

  async #dbtModel(name: string, entry: ModelEntry, node: string): Promise<ModelConfig> {
    const at = ['models', name, 'dbt'];
    if (entry.file !== undefined)
      throw this.#error(at, 'MODEL_FILE_AND_DBT', `model "${name}" has both file and dbt`, 'Keep one of them.');
    const { dbt } = this.#config;
    if (dbt === undefined) {
      throw this.#error(
        at,
        'DBT_MANIFEST_MISSING',
        `model "${name}" names a dbt model, but sluice.yaml does not say where the manifest is`,
        'Add "dbt: { manifest: path/to/target/manifest.json }".',
      );
    }
    const file = path.resolve(this.directory, dbt.manifest);
    const manifest = await loadManifest(file, shownPath(this.#cwd, file), this.placeOf(['dbt', 'manifest']));
    try {
      const found = findDbtModel(manifest, node);
      return this.#modelOf(name, entry, dbtModelSql(found), `dbt model ${found.uniqueId}`);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      throw this.#error(at, error.code, error.message, error.fix ?? 'Correct the name.');
    }
  }

  /** A destination without a mapping. */
  destination(name: string): DestinationConfig {
    const missing: MissingVariable[] = [];
    const destination = this.#destination(name, missing);
    this.#refuse(missing);
    return destination;
  }

  #destination(name: string, missing: MissingVariable[]): DestinationConfig {
    const entry = this.#config.destinations[name];
    if (entry === undefined) throw this.#unknown('destination', name, Object.keys(this.#config.destinations));
    const at = ['destinations', name] as const;
    const settings = expand(entry.settings, [...at, 'settings'], this.#environment, missing) as JsonObject;
    const oauth =
      entry.oauth === undefined
        ? undefined
        : (expand(entry.oauth as JsonObject, [...at, 'oauth'], this.#environment, missing) as typeof entry.oauth);
    return {
      name,
      type: entry.type,
      settings,
      ...(entry.rate_limit === undefined ? {} : { rateLimit: rateLimitOf(entry.rate_limit) }),
      ...(oauth === undefined ? {} : { oauth: oauthConfigOf(oauth) }),
      ...(oauth?.connection === undefined ? {} : { connection: oauth.connection }),
    };
  }

  async mapping(name: string): Promise<MappingConfig> {
    const entry = this.#config.mappings[name];
    if (entry === undefined) throw this.#unknown('mapping', name, this.mappingNames);
    const missing: MissingVariable[] = [];
    const { type, settings, rateLimit } = this.#destination(entry.destination, missing);
    const audience =
      entry.audience === undefined
        ? undefined
        : (expand(
            entry.audience as JsonObject,
            ['mappings', name, 'audience'],
            this.#environment,
            missing,
          ) as NonNullable<typeof entry.audience>);
    const fields = expand(entry.fields, ['mappings', name, 'fields'], this.#environment, missing) as JsonObject;
    this.#refuse(missing);
    return {
      name,
      id: stateId(name),
      model: await this.model(entry.model),
      operations: sentOperations(entry),
      destination: {
        name: entry.destination,
        type,
        action: entry.action,
        settings,
        ...(rateLimit === undefined ? {} : { rateLimit }),
        ...(audience === undefined
          ? {}
          : {
              audience: {
                key: audience.key,
                settings: audience.settings,
                ...(audience.external_id === undefined ? {} : { externalId: audience.external_id }),
              },
            }),
        fields: entry.sync_mode === undefined ? fields : { ...fields, [SYNC_MODE_FIELD]: entry.sync_mode },
      },
      guards: guardsOf(entry.guards),
      keepValues: entry.state === 'values',
      logRejectedRows: entry.log_rejected_rows,
    };
  }

  /** Places a problem that was found inside a mapping: `fields.url`, `settings.directory`, `action`. */
  placeInMapping(mapping: string, where: string): string {
    const [root = '', ...rest] = where.split('.');
    const entry = this.#config.mappings[mapping];
    const steps = [root, ...rest].map((step) => (/^\d+$/.test(step) ? Number(step) : step));
    if (entry !== undefined && root === 'settings') return this.placeOf(['destinations', entry.destination, ...steps]);
    if (entry !== undefined && root === 'credentials')
      return this.placeOf(['destinations', entry.destination, 'oauth']);
    if (entry !== undefined && root === 'type') return this.placeOf(['destinations', entry.destination, 'type']);
    return this.placeOf(['mappings', mapping, ...steps]);
  }

  async #key(keyText: string, keyFile: string | undefined): Promise<SourceConfig['credentials']> {
    const at: Path = keyFile === undefined ? ['source', 'credentials'] : ['source', 'credentials', 'keyFile'];
    let text = keyText;
    let what = 'the service-account key';
    if (keyFile !== undefined) {
      const file = path.resolve(this.directory, keyFile);
      what = `key file ${shownPath(this.#cwd, file)}`;
      text = await readText(file, (reason) => ({
        code: 'KEY_FILE_NOT_FOUND',
        message: `${what} ${reason}`,
        where: this.placeOf(at),
        fix: 'Put the JSON key file there, or correct the path (relative to the project folder).',
      }));
    } else if (typeof this.#config.source.credentials === 'string') {
      const credentialsText = this.#config.source.credentials;
      const variables = [...credentialsText.matchAll(/\$\{([^}]*)\}/g)].map((match) => match[1]);
      if (variables.length === 1) what = `the service-account key in ${variables[0]}`;
    }
    const key = parseKey(text, what);
    if ('message' in key) throw this.#error(at, 'INVALID_KEY', key.message, key.fix);
    return key;
  }

  /** By mapping; without those that are in order. */
  #checkReferences(): Map<string, Problem[]> {
    const found = new Map<string, Problem[]>();
    const ids = new Map<string, string>();
    for (const [name, mapping] of Object.entries(this.#config.mappings)) {
      const problems = [
        ...this.#reference(name, 'model', mapping.model),
        ...this.#reference(name, 'destination', mapping.destination),
      ];
      if (mapping.sync_mode !== undefined && mapping.send !== undefined) {
        problems.push({
          code: 'SEND_AND_SYNC_MODE',
          message: `mapping "${name}" has both send and sync_mode; the mode "${mapping.sync_mode}" sends ${modeOperations(mapping.sync_mode).join(', ')} records`,
          where: this.placeOf(['mappings', name, 'send']),
          fix: 'Keep one of them: sync_mode where the action has sync modes, send elsewhere.',
        });
      }
      const other = ids.get(stateId(name).toLowerCase());
      if (other !== undefined) {
        problems.push({
          code: 'MAPPING_NAMES_CLASH',
          message: `mappings "${other}" and "${name}" would share one state table`,
          where: this.#document.placeOfKey(['mappings', name]),
          fix: 'Give one of them a name that differs in more than case, "-" or "_".',
        });
      }
      ids.set(stateId(name).toLowerCase(), name);
      if (problems.length > 0) found.set(name, problems);
    }
    return found;
  }

  #reference(mapping: string, kind: 'model' | 'destination', name: string): readonly Problem[] {
    const known = this.#config[`${kind}s`];
    if (known[name] !== undefined) return [];
    const broken = this.#setAside.get(`${kind}s.${name}`);
    if (broken !== undefined) return broken;
    return [
      {
        code: `UNKNOWN_${kind.toUpperCase()}`,
        message: `mapping "${mapping}" names ${kind} "${name}", which does not exist`,
        where: this.placeOf(['mappings', mapping, kind]),
        fix: didYouMean(name, Object.keys(known)),
      },
    ];
  }

  #unknown(kind: 'model' | 'mapping' | 'destination', name: string, known: readonly string[]): AppError {
    return new AppError(`there is no ${kind} "${name}"`, {
      code: `UNKNOWN_${kind.toUpperCase()}`,
      kind: 'invalid',
      where: this.#document.placeOfKey([`${kind}s`]),
      fix: didYouMean(name, known),
    });
  }

  #refuse(missing: readonly MissingVariable[]): void {
    if (missing.length === 0) return;
    throw configError(
      missing.map(({ path: at, message, fix }) => ({ code: 'MISSING_ENV', message, where: this.placeOf(at), fix })),
    );
  }

  #error(at: Path, code: string, message: string, fix: string): AppError {
    return configError([{ code, message, where: this.placeOf(at), fix }]);
  }
}

/** What the mapping says itself, or its sync mode (also one carried over from Segment), or everything. */
function sentOperations({ send, sync_mode: mode, fields }: MappingEntry): readonly Operation[] {
  if (send !== undefined) return send;
  const carried = mode ?? SYNC_MODES.find((each) => each === fields[SYNC_MODE_FIELD]);
  return carried === undefined ? OPERATIONS : modeOperations(carried);
}

function oauthConfigOf(entry: OAuthEntry): OAuthConfig {
  const { client_secret: clientSecret, domain, scopes, redirect_port: redirectPort } = entry;
  const { authorization_endpoint: authorizationEndpoint, token_endpoint: tokenEndpoint } = entry;
  return {
    clientId: entry.client_id,
    ...(clientSecret === undefined ? {} : { clientSecret }),
    ...(domain === undefined ? {} : { domain }),
    ...(scopes === undefined ? {} : { scopes }),
    ...(authorizationEndpoint === undefined ? {} : { authorizationEndpoint }),
    ...(tokenEndpoint === undefined ? {} : { tokenEndpoint }),
    ...(redirectPort === undefined ? {} : { redirectPort }),
  };
}

/** The suffix of a mapping's state tables: its name with underscores. */
export function stateId(mapping: string): string {
  return mapping.replaceAll('-', '_');
}

/** A path as the user would write it from `cwd`: relative, unless absolute is shorter. */
export function shownPath(cwd: string, file: string): string {
  const relative = path.relative(cwd, file);
  if (relative === '') return '.';
  return relative.startsWith('..') && relative.length >= file.length ? file : relative;
}

/** The text of a file; what the file system refuses becomes the problem that `describe` makes of it. */
async function readText(file: string, describe: (reason: string) => Problem): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const reason =
      code === 'ENOENT' || code === 'ENOTDIR'
        ? 'does not exist'
        : code === 'EACCES'
          ? 'may not be read'
          : code === 'EISDIR'
            ? 'is a folder'
            : `cannot be read (${String(code)})`;
    throw configError([describe(reason)]);
  }
  if (bytes.length > maxFileBytes) throw configError([describe(`is larger than ${maxFileBytes / 1024 / 1024} MiB`)]);
  return bytes.toString('utf8').replace(/^\uFEFF/, '');
}
