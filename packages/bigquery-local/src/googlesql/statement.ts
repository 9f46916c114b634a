// What the analysis of one statement tells the job layer: its kind, exactly what it
// reads and writes (for the access decisions), and how to run it on DuckDB.
import type { RoutineProperties } from '../catalog/routines.ts';
import type { FieldSchema } from '../catalog/schema.ts';
import type { Script } from './script/script.ts';
import type { GType, TypedValue } from './types.ts';

export type TableRef = { readonly projectId: string; readonly datasetId: string; readonly tableId: string };
export type RoutineRef = { readonly projectId: string; readonly datasetId: string; readonly routineId: string };

/** The view or routine whose text names a table or routine. */
export type ReadVia = TableRef | RoutineRef;

/** What the job layer knows of a function that a statement calls. */
export type RoutineInfo = { readonly ref: RoutineRef; readonly properties: RoutineProperties };

/** A function of the statements around this one: `CREATE TEMP FUNCTION`. */
export type TemporaryRoutine = { readonly name: string; readonly properties: RoutineProperties };

/** What the job layer knows of a table that a statement names. */
export type TableInfo = {
  readonly ref: TableRef;
  readonly kind: 'TABLE' | 'VIEW';
  readonly fields: readonly FieldSchema[];
  /** Quoted, fully qualified DuckDB name of the stored table. Undefined for a view. */
  readonly physicalName?: string;
  /** GoogleSQL of a view. */
  readonly viewQuery?: string;
  /** The caller may read it only through views that are authorized to: their conditions hide rows. */
  readonly throughViewsOnly?: boolean;
  /** A condition over the table's columns, in GoogleSQL: the rows that the caller may see. All, when undefined. */
  readonly rowFilter?: string;
  /** It has row access policies, whatever they let the caller see. */
  readonly rowLevelSecurity?: true;
  /** A snapshot: its rows are never changed. */
  readonly readOnly?: boolean;
  /** Columns that are no part of the schema, such as _PARTITIONTIME; `sql` gives them over the stored columns. */
  readonly pseudoColumns?: readonly PseudoColumn[];
  /** Of a table with `require_partition_filter`: a query must compare one of these columns with a constant. */
  readonly requiredPartitionFilter?: readonly string[];
  /** A wildcard table: `physicalName` is a subquery over these, each given by its `sql`; `_TABLE_SUFFIX` is the end of its name. */
  readonly matched?: readonly { readonly ref: TableRef; readonly suffix: string; readonly sql: string }[];
  /** A view of INFORMATION_SCHEMA: `physicalName` is a subquery with the rows that the caller may see. */
  readonly systemView?: {
    /** Columns, in lower case, that a WHERE clause must compare with constants for equality. */
    readonly requiredFilter: readonly string[];
  };
};

export type PseudoColumn = { readonly name: string; readonly type: GType; readonly sql: string };

/** How the analyser asks for tables. Throws a BigQueryError (404 or 403 text) for what the caller may not know of. */
export interface TableLookup {
  /**
   * `path` has one to three parts, as the query names the table (back-quoted names are split);
   * resolves default project and dataset. `via` is the view or routine, if any, whose text names it.
   */
  table(path: readonly string[], via?: ReadVia): Promise<TableInfo>;
  /**
   * A function, or a table function, that the statement may call: names are found in the text, so that
   * undefined, for none or one that the caller must not know of, is no error yet. Without this member there are none.
   */
  routine?(path: readonly string[], via?: ReadVia): RoutineInfo | undefined;
  /** The 403 or 404 for the caller of a function that `routine` answered undefined for, where there is one. */
  routineDenial?(path: readonly string[], via?: ReadVia): Error | undefined;
}

export type AnalyzeRequest = {
  readonly sql: string;
  readonly lookup: TableLookup;
  readonly defaultProject: string;
  readonly defaultDataset?: { readonly projectId: string; readonly datasetId: string };
  readonly parameters?:
    | { readonly mode: 'NAMED'; readonly values: ReadonlyMap<string, TypedValue> }
    | { readonly mode: 'POSITIONAL'; readonly values: readonly TypedValue[] };
  /** The text is the query of a view: those who read the view filter its partitions. */
  readonly definesView?: boolean;
  /** E-mail of the caller, for SESSION_USER(). */
  readonly sessionUser: string;
  /** Variables of the script around the statement, by their names in lower case. A column of that name wins. */
  readonly variables?: ReadonlyMap<string, TypedValue>;
  /** `@@` variables, by their paths in lower case: `script.job_id`. */
  readonly systemVariables?: ReadonlyMap<string, TypedValue>;
  /** Types that a query's columns must be coercible to, and are coerced to. */
  readonly outputTypes?: readonly GType[];
  /** Where the temporary tables of the script or session are. */
  readonly temporary?: {
    readonly projectId: string;
    readonly datasetId: string;
    has(tableId: string): boolean;
  };
  /** Temporary functions made by earlier statements of the same script or session. */
  readonly temporaryRoutines?: readonly TemporaryRoutine[];
};

/** One table or view that the statement reads. A table under a view is listed too, with the view that leads to it. */
export type TableRead = {
  readonly ref: TableRef;
  readonly kind: 'TABLE' | 'VIEW';
  /** Columns read, in the table's spelling. */
  readonly columns: readonly string[];
  /** The view or routine through which it is read, innermost; undefined when the query itself names it. */
  readonly via?: ReadVia;
};

/** One stored routine that the statement calls, directly or through views and other routines. */
export type RoutineUse = { readonly ref: RoutineRef; readonly via?: ReadVia };

export type OutputColumn = { readonly name: string; readonly type: GType };

/** A SELECT compiled to DuckDB. Output columns come in order; their DuckDB names do not matter. */
export type CompiledQuery = {
  readonly sql: string;
  readonly columns: readonly OutputColumn[];
  /** Neither random nor time-dependent: its result may be cached. */
  readonly deterministic: boolean;
};

/** OPTIONS of a table or view, evaluated. Undefined: not given. Null: reset to the default. */
export type TableOptions = {
  readonly description?: string | null;
  readonly friendlyName?: string | null;
  readonly labels?: Readonly<Record<string, string>> | null;
  /** Microseconds since 1970. */
  readonly expirationMicros?: bigint | null;
  readonly partitionExpirationMs?: number | null;
  readonly requirePartitionFilter?: boolean | null;
  readonly enableRefresh?: boolean | null;
  readonly refreshIntervalMs?: number | null;
};

/** OPTIONS of a schema, evaluated. */
export type SchemaOptions = {
  readonly description?: string | null;
  readonly friendlyName?: string | null;
  readonly labels?: Readonly<Record<string, string>> | null;
  readonly location?: string | null;
  readonly defaultTableExpirationMs?: number | null;
  readonly defaultPartitionExpirationMs?: number | null;
  readonly maxTimeTravelHours?: number | null;
};

/** One change of ALTER TABLE, in the order in which they are written. */
export type AlterTableAction =
  | { readonly kind: 'set_options'; readonly options: TableOptions }
  | { readonly kind: 'add_column'; readonly field: FieldSchema; readonly ifNotExists: boolean }
  | { readonly kind: 'drop_column'; readonly column: string; readonly ifExists: boolean }
  | { readonly kind: 'rename_column'; readonly column: string; readonly newName: string; readonly ifExists: boolean }
  | { readonly kind: 'rename_to'; readonly tableId: string }
  /** Null takes the description away. */
  | {
      readonly kind: 'column_description';
      readonly column: string;
      readonly ifExists: boolean;
      readonly description: string | null;
    }
  | { readonly kind: 'column_type'; readonly column: string; readonly ifExists: boolean; readonly type: GType }
  | {
      readonly kind: 'column_default';
      readonly column: string;
      readonly ifExists: boolean;
      readonly sql: string | undefined;
    }
  | { readonly kind: 'drop_not_null'; readonly column: string; readonly ifExists: boolean }
  | { readonly kind: 'add_primary_key'; readonly columns: readonly string[]; readonly ifNotExists: boolean }
  | { readonly kind: 'add_foreign_key'; readonly key: ForeignKeyOf; readonly ifNotExists: boolean }
  | { readonly kind: 'drop_primary_key'; readonly ifExists: boolean }
  | { readonly kind: 'drop_constraint'; readonly name: string; readonly ifExists: boolean };

export type ForeignKeyOf = {
  /** Undefined: one is made up. */
  readonly name: string | undefined;
  readonly columns: readonly string[];
  readonly referenced: TableRef;
  readonly referencedColumns: readonly string[];
};

/** Without a field: by the time at which a row comes in. */
export type PartitionBy =
  | { readonly kind: 'time'; readonly field?: string; readonly type: 'HOUR' | 'DAY' | 'MONTH' | 'YEAR' }
  | {
      readonly kind: 'range';
      readonly field: string;
      readonly start: bigint;
      readonly end: bigint;
      readonly interval: bigint;
    };

type CreateMode = 'default' | 'or_replace' | 'if_not_exists';

/** What GRANT and REVOKE are about. */
export type GrantTarget =
  | { readonly kind: 'PROJECT'; readonly projectId: string }
  | { readonly kind: 'SCHEMA'; readonly projectId: string; readonly datasetId: string }
  | ({ readonly kind: 'TABLE' | 'VIEW' } & TableRef);

export type Statement =
  | { readonly kind: 'SELECT'; readonly query: CompiledQuery }
  | {
      readonly kind: 'CREATE_FUNCTION' | 'CREATE_TABLE_FUNCTION' | 'CREATE_PROCEDURE';
      readonly target: RoutineRef;
      readonly mode: 'default' | 'or_replace' | 'if_not_exists';
      readonly properties: RoutineProperties;
    }
  /** CREATE TEMP FUNCTION: changes nothing by itself; goes into `temporaryRoutines` of what follows. */
  | {
      readonly kind: 'CREATE_TEMP_FUNCTION';
      readonly mode: 'default' | 'or_replace' | 'if_not_exists';
      readonly routine: TemporaryRoutine;
    }
  | {
      readonly kind: 'DROP_FUNCTION' | 'DROP_TABLE_FUNCTION' | 'DROP_PROCEDURE';
      readonly target: RoutineRef;
      readonly ifExists: boolean;
    }
  | {
      readonly kind: 'CREATE_TABLE' | 'CREATE_TABLE_AS_SELECT';
      readonly target: TableRef;
      readonly mode: CreateMode;
      readonly fields: readonly FieldSchema[];
      /** Rows to fill it with; output columns are in the order of `fields`. */
      readonly query?: CompiledQuery;
      /** LIKE takes the shape of another table, COPY and CLONE also its rows. */
      readonly source?: { readonly how: 'LIKE' | 'COPY' | 'CLONE'; readonly ref: TableRef };
      readonly partitionBy?: PartitionBy;
      readonly clusterBy?: readonly string[];
      readonly primaryKey?: readonly string[];
      readonly foreignKeys: readonly ForeignKeyOf[];
      readonly options: TableOptions;
    }
  | {
      readonly kind: 'CREATE_SNAPSHOT_TABLE';
      readonly target: TableRef;
      readonly mode: CreateMode;
      readonly source: TableRef;
      readonly options: TableOptions;
    }
  | {
      readonly kind: 'CREATE_VIEW' | 'CREATE_MATERIALIZED_VIEW';
      readonly target: TableRef;
      readonly mode: CreateMode;
      readonly viewQuery: string;
      readonly fields: readonly FieldSchema[];
      readonly partitionBy?: PartitionBy;
      readonly clusterBy?: readonly string[];
      readonly options: TableOptions;
    }
  | {
      readonly kind: 'CREATE_SCHEMA';
      readonly target: { readonly projectId: string; readonly datasetId: string };
      readonly ifNotExists: boolean;
      readonly options: SchemaOptions;
    }
  | {
      readonly kind: 'ALTER_SCHEMA';
      readonly target: { readonly projectId: string; readonly datasetId: string };
      readonly ifExists: boolean;
      readonly options: SchemaOptions;
    }
  | {
      readonly kind: 'ALTER_TABLE' | 'ALTER_VIEW' | 'ALTER_MATERIALIZED_VIEW';
      readonly target: TableRef;
      readonly ifExists: boolean;
      readonly actions: readonly AlterTableAction[];
    }
  | {
      readonly kind: 'DROP_SCHEMA';
      readonly target: { readonly projectId: string; readonly datasetId: string };
      readonly ifExists: boolean;
      readonly cascade: boolean;
    }
  | {
      readonly kind: 'DROP_TABLE' | 'DROP_VIEW' | 'DROP_MATERIALIZED_VIEW' | 'DROP_SNAPSHOT_TABLE';
      readonly target: TableRef;
      readonly ifExists: boolean;
    }
  | {
      readonly kind: 'GRANT' | 'REVOKE';
      readonly on: GrantTarget;
      /** As written: `roles/bigquery.dataViewer`. */
      readonly roles: readonly string[];
      /** As written: `user:a@example.com`. */
      readonly grantees: readonly string[];
    }
  | {
      readonly kind: 'CREATE_ROW_ACCESS_POLICY';
      readonly target: TableRef;
      readonly mode: 'default' | 'or_replace' | 'if_not_exists';
      readonly policyId: string;
      /** GoogleSQL over the columns of the table. */
      readonly filter: string;
      /** The filter is the word TRUE. */
      readonly allRows: boolean;
      readonly grantees: readonly string[];
    }
  | {
      readonly kind: 'DROP_ROW_ACCESS_POLICY';
      readonly target: TableRef;
      /** Undefined: all of them. */
      readonly policyId: string | undefined;
      readonly ifExists: boolean;
    }
  | {
      readonly kind: 'INSERT' | 'UPDATE' | 'DELETE' | 'MERGE' | 'TRUNCATE_TABLE';
      readonly target: TableRef;
      /**
       * DuckDB statements to run in order in one transaction. Exactly one of them has
       * `counts`; it returns one row with the BIGINT columns inserted, updated, deleted.
       */
      readonly steps: readonly { readonly sql: string; readonly counts?: true }[];
    };

export type AnalyzedStatement = {
  readonly statement: Statement;
  readonly reads: readonly TableRead[];
  readonly routines?: readonly RoutineUse[];
};

export interface GoogleSql extends AsyncDisposable {
  /** Throws a BigQueryError `invalidQuery` with BigQuery's text and `at [line:column]`. */
  analyze(request: AnalyzeRequest): Promise<AnalyzedStatement>;
  /** What the table's columns with a DEFAULT hold in a row that leaves them out: DuckDB expressions, by column in lower case. */
  defaults(table: TableInfo, sessionUser: string): Promise<ReadonlyMap<string, string>>;
  /** The text as a script, checked. `known`: variables that exist before it begins. Throws `invalidQuery`. */
  script(sql: string, known?: Iterable<string>): Promise<Script>;
}
