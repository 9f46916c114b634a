// Questions to the analyser: which tables a text names, and what it means over a given
// catalog. Owns the language options; knows nothing of our tables or their storage.
import { invalidQuery } from './analyzer-error.ts';
import { desugared, inUsersText } from '../desugar/desugar.ts';
import type { GType } from '../types.ts';
import { AnswerCache } from './answer-cache.ts';
import { ZetaSqlClient, type Message, type ZetaSqlClientOptions } from './client.ts';
import { CatalogCache, type AnalyzerTable, type CatalogLease } from './catalog.ts';
import { languageFeatures, REWRITES, STATEMENT_KINDS } from './language.ts';
import { extraSignatures } from '../functions/index.ts';
import type { AnalyzerRoutine } from '../routines/signature.ts';
import { typeToProto } from './type-proto.ts';
import { parseScript } from '../script/parse-script.ts';
import { ScriptText } from '../script/script-text.ts';
import type { Script } from '../script/script.ts';

/** Longest query text, in characters: BigQuery's limit for an unresolved query is 1 MB. */
export const MAX_SQL_LENGTH = 1024 * 1024;

/** Answers over tables are larger: fewer are kept, and none over tables of more columns than this in all. */
const MAX_OVER_TABLES = 100;
const MAX_WIDTH = 100;

/** What PARTITION BY of CREATE TABLE may name besides the table's own columns. */
const PARTITION_PSEUDO_COLUMNS = [
  { name: '_PARTITIONTIME', type: typeToProto({ kind: 'TIMESTAMP' }) },
  { name: '_PARTITIONDATE', type: typeToProto({ kind: 'DATE' }) },
];

export type AnalyzerParameters =
  | { readonly mode: 'NAMED'; readonly types: ReadonlyMap<string, GType> }
  | { readonly mode: 'POSITIONAL'; readonly types: readonly GType[] };

/** What a script around the statement declares: types by name. */
export type AnalyzerVariables = {
  readonly named: ReadonlyMap<string, GType>;
  /** By path: `error.message`. */
  readonly system: ReadonlyMap<string, GType>;
  /** The query's columns must be coercible to these types, and are coerced. */
  readonly outputTypes?: readonly GType[];
};

const NO_VARIABLES: AnalyzerVariables = { named: new Map(), system: new Map() };

export class Analyzer implements AsyncDisposable {
  readonly #client: ZetaSqlClient;
  readonly #catalogs: CatalogCache;
  readonly #names = new AnswerCache<readonly string[][]>();
  readonly #resolved = new AnswerCache<unknown>();
  readonly #resolvedOverTables = new AnswerCache<unknown>(MAX_OVER_TABLES);
  #language: Promise<Message> | undefined;
  #builtins: Promise<ReadonlySet<string>> | undefined;

  constructor(options: ZetaSqlClientOptions = {}) {
    this.#client = new ZetaSqlClient(options);
    this.#catalogs = new CatalogCache(this.#client);
  }

  /** Starts the process, so that the first statement does not wait for it. */
  async warmUp(): Promise<void> {
    await this.#languageOptions();
  }

  /** Process id of the analyser, for tests of its restart. */
  pid(): Promise<number> {
    return this.#client.pid();
  }

  /** Paths of the tables that a statement names, without the targets of CREATE and DROP. */
  tableNames(sql: string): Promise<readonly string[][]> {
    return this.#names.get(
      sql,
      () => sql,
      () => this.#tableNames(sql),
    );
  }

  async #tableNames(sql: string): Promise<readonly string[][]> {
    const options = await this.#languageOptions();
    const response = await inKnownWords(sql, (sqlStatement) =>
      this.#client.call('ExtractTableNamesFromStatement', { sqlStatement, options, allowScript: false }),
    ).catch(async (error: unknown) => {
      // Nothing but white space and comments is a script too, an empty one.
      if (error instanceof Error && error.message.includes('Unexpected end of')) throw error;
      const script = await this.script(sql);
      const [only] = script.statements;
      throw script.statements.length === 1 && only?.kind === 'sql' ? error : new ScriptText(script);
    });
    const names = (response['tableName'] ?? []) as readonly { tableNameSegment?: string[] }[];
    return names.map((name) => name.tableNameSegment ?? []);
  }

  /** The text as a script, of one statement or more. Throws `invalidQuery` where it is none. */
  async script(sql: string): Promise<Script> {
    const options = { ...(await this.#languageOptions()), supportedStatementKinds: [] };
    const parse = (text: string): Promise<Message> =>
      this.#client.call('Parse', { sqlStatement: text, options, allowScript: true });
    let request = { sqlStatement: sql, options, allowScript: true };
    const response = await parse(sql).catch((error: unknown) => {
      const plain = desugared(sql);
      if (plain === undefined) throw error;
      request = { ...request, sqlStatement: plain.text };
      return inKnownWords(sql, parse);
    });
    const names = await this.#client.call('ExtractTableNamesFromStatement', request).catch((): Message => ({}));
    const tables = (names['tableName'] ?? []) as readonly { tableNameSegment?: string[] }[];
    return parseScript(
      response['parsedScript'],
      request.sqlStatement,
      tables.map((name) => name.tableNameSegment ?? []),
    );
  }

  /** The resolved statement, an `AnyResolvedStatementProto`; not to be changed. */
  analyze(
    sql: string,
    tables: readonly AnalyzerTable[],
    parameters: AnalyzerParameters,
    variables: AnalyzerVariables = NO_VARIABLES,
    routines: readonly AnalyzerRoutine[] = [],
  ): Promise<unknown> {
    const ask = (): Promise<unknown> => this.#analyze(sql, tables, parameters, variables, routines);
    // With wide tables, questions and answers are large.
    const width = tables.reduce((sum, { columns }) => sum + columns.length, 0);
    if (width > MAX_WIDTH || routines.length > 0) return ask();
    const { named, system, outputTypes } = variables;
    const types = parameters.mode === 'NAMED' ? [...parameters.types] : parameters.types;
    const cache = tables.length === 0 ? this.#resolved : this.#resolvedOverTables;
    return cache.get(
      sql,
      () => JSON.stringify([sql, tables, parameters.mode, types, [...named], [...system], outputTypes ?? null]),
      ask,
    );
  }

  async #analyze(
    sql: string,
    tables: readonly AnalyzerTable[],
    parameters: AnalyzerParameters,
    variables: AnalyzerVariables,
    routines: readonly AnalyzerRoutine[],
  ): Promise<unknown> {
    const language = await this.#languageOptions();
    const options = {
      languageOptions: language,
      defaultTimezone: 'UTC',
      errorMessageMode: 'ERROR_MESSAGE_ONE_LINE',
      pruneUnusedColumns: true,
      enabledRewrites: REWRITES,
      ddlPseudoColumns: PARTITION_PSEUDO_COLUMNS,
      systemVariables: [...variables.system].map(([path, type]) => ({
        namePath: path.split('.'),
        type: typeToProto(type),
      })),
      ...(variables.outputTypes === undefined ? {} : { targetColumnTypes: variables.outputTypes.map(typeToProto) }),
      ...(parameters.mode === 'NAMED'
        ? {
            parameterMode: 'PARAMETER_NAMED',
            queryParameters: [...parameters.types].map(([name, type]) => ({ name, type: typeToProto(type) })),
          }
        : { parameterMode: 'PARAMETER_POSITIONAL', positionalQueryParameters: parameters.types.map(typeToProto) }),
    };
    const leases: CatalogLease[] = [];
    try {
      const ask = (sqlStatement: string, enabledRewrites: readonly string[]): Promise<Message> =>
        this.#client.call('Analyze', async () => {
          const lease = await this.#catalogs.lease(tables, language, variables.named, routines);
          leases.push(lease);
          return {
            sqlStatement,
            registeredCatalogId: lease.registeredCatalogId,
            options: { ...options, enabledRewrites },
          };
        });
      const response = await inKnownWords(sql, (text) => ask(text, REWRITES));
      const [both, common] = [desugared(sql), desugared(sql, 'INNER')];
      if (both?.strict === true && common !== undefined)
        await requireSameColumns((text) => ask(text, []), both.text, common.text);
      return response['resolvedStatement'];
    } finally {
      for (const { release } of leases) release();
    }
  }

  /** Whether GoogleSQL has a function of this name, in any case. */
  async isBuiltin(name: string): Promise<boolean> {
    this.#builtins ??= this.#loadBuiltins();
    return (await this.#builtins).has(name.toLowerCase());
  }

  async #loadBuiltins(): Promise<ReadonlySet<string>> {
    try {
      const languageOptions = await this.#languageOptions();
      const response = await this.#client.call('GetBuiltinFunctions', { languageOptions });
      const functions = (response['function'] ?? []) as readonly { readonly namePath?: readonly string[] }[];
      const extra = extraSignatures as readonly { readonly namePath?: readonly string[] }[];
      return new Set([...functions, ...extra].map(({ namePath }) => (namePath ?? []).join('.').toLowerCase()));
    } catch (error) {
      this.#builtins = undefined;
      throw error;
    }
  }

  #languageOptions(): Promise<Message> {
    this.#language ??= this.#loadLanguageOptions();
    return this.#language;
  }

  async #loadLanguageOptions(): Promise<Message> {
    try {
      const maximum = await this.#client.call('GetLanguageOptions', { maximumFeatures: true });
      return {
        ...maximum,
        productMode: 'PRODUCT_EXTERNAL',
        supportedStatementKinds: STATEMENT_KINDS,
        enabledLanguageFeatures: languageFeatures(maximum['enabledLanguageFeatures'] as readonly string[]),
      };
    } catch (error) {
      this.#language = undefined;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }
}

/** Asks with newer syntax put into words that the analyser knows; its errors keep the places of the text. */
async function inKnownWords(sql: string, ask: (text: string) => Promise<Message>): Promise<Message> {
  const plain = desugared(sql);
  if (plain === undefined) return ask(sql);
  try {
    return await ask(plain.text);
  } catch (error) {
    throw inUsersText(error, sql, plain);
  }
}

/**
 * BY NAME without FULL, LEFT or INNER takes inputs with the same columns only: then the columns of all
 * inputs are as many as those that all inputs have.
 */
async function requireSameColumns(
  ask: (text: string) => Promise<Message>,
  both: string,
  common: string,
): Promise<void> {
  const widths = async (text: string): Promise<string> => JSON.stringify(setOperationWidths(await ask(text)));
  const same = await Promise.all([widths(both), widths(common)]).then(
    ([all, shared]) => all === shared,
    () => false,
  );
  if (!same)
    throw invalidQuery(
      'The inputs of a set operation BY NAME must have columns of the same names, unless it is FULL, LEFT or INNER',
    );
}

function setOperationWidths(tree: unknown): number[] {
  if (typeof tree !== 'object' || tree === null || tree instanceof Uint8Array) return [];
  const node = tree as Readonly<Record<string, unknown>>;
  const scan = node['resolvedSetOperationScanNode'] as { parent?: { columnList?: unknown[] } } | null | undefined;
  const own = scan === undefined || scan === null ? [] : [scan.parent?.columnList?.length ?? 0];
  return [...own, ...Object.values(node).flatMap(setOperationWidths)];
}
