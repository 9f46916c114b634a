// The routines of one statement: found by the names that its texts call, their bodies analysed with the types
// of each call, and every use of a stored routine noted down. Bodies name tables and routines on their own
// account (`via`), so that access to these can be decided apart from the statement's.
import { BigQueryError } from '../../bigquery-error.ts';
import type { RoutineProperties } from '../../catalog/routines.ts';
import { invalidQuery, tooComplex, unsupported } from '../analyzer/analyzer-error.ts';
import { typeFromProto } from '../analyzer/type-proto.ts';
import { parts, part, text, type Message } from '../resolve/message.ts';
import type { ReadVia, RoutineRef, RoutineUse, TableLookup, TemporaryRoutine } from '../statement.ts';
import type { GType } from '../types.ts';
import { bodyKey, type AnalyzedBody, type Callee, type RoutineStore, type TextOrigin } from './callee.ts';
import { calledPaths } from './callees.ts';
import { CalledRoutines } from './called.ts';
import { typeOfDataType } from './data-types.ts';
import { definitionText } from './definition.ts';
import { prepareSandbox } from './javascript/sandbox.ts';
import { analyzerRoutine, declaredShape, isTemplated, type AnalyzerRoutine, type ResultShape } from './signature.ts';

/** "Quotas and limits": unique routines that one query may refer to. */
const MAX_BODIES = 1000;
const MAX_DEPTH = 32;

/** What TextAnalysis does for the bodies. */
export interface BodyAnalyzer {
  analyzeBody(sql: string, origin: TextOrigin): Promise<AnalyzedBody>;
  /** Tables that a text names. */
  tableNames(sql: string): Promise<readonly (readonly string[])[]>;
  isBuiltin(name: string): Promise<boolean>;
}

/** What the analyser's catalog needs for one text. */
export type CallsOfText = {
  readonly routines: readonly AnalyzerRoutine[];
  /** Tables that the bodies of templated functions name, which the analyser reads on its own. */
  readonly tables: readonly { readonly path: readonly string[]; readonly via: ReadVia | undefined }[];
  readonly called: CalledRoutines;
  /** The error as the caller may have it: names of functions in BigQuery's form, and 403 before "not found". */
  explained(error: unknown): unknown;
};

export class RoutineBodies implements RoutineStore {
  readonly #lookup: TableLookup;
  readonly #temporaries: ReadonlyMap<string, TemporaryRoutine>;
  readonly #analyzer: BodyAnalyzer;
  readonly #bodies = new Map<string, Promise<AnalyzedBody>>();
  readonly #uses = new Map<string, RoutineUse>();
  readonly #hasDefaultDataset: boolean;
  #calls = 0;

  /** Functions that the statement's own text calls by names that mean something in this statement only. */
  readonly ofThisStatement = new Set<string>();

  constructor(
    lookup: TableLookup,
    temporaries: readonly TemporaryRoutine[],
    hasDefaultDataset: boolean,
    analyzer: BodyAnalyzer,
  ) {
    this.#lookup = lookup;
    this.#temporaries = new Map(temporaries.map((routine) => [routine.name.toLowerCase(), routine]));
    this.#hasDefaultDataset = hasDefaultDataset;
    this.#analyzer = analyzer;
  }

  /** Whether any routine was called, temporary ones included. */
  get hasCalls(): boolean {
    return this.#calls > 0;
  }

  uses(): RoutineUse[] {
    return [...this.#uses.values()];
  }

  /** Whether a function is called that need not give the same result for the same arguments. */
  mayBeRandom = false;

  recordCall({ ref, properties }: Callee, via: ReadVia | undefined, limit: number): void {
    this.#calls += 1;
    if (this.#calls > limit) throw tooComplex();
    if (properties.language === 'JAVASCRIPT' && properties.determinismLevel !== 'DETERMINISTIC')
      this.mayBeRandom = true;
    if (ref === undefined) return;
    this.#uses.set(JSON.stringify([ref, via ?? null]), { ref, ...(via === undefined ? {} : { via }) });
  }

  async callsOf(sql: string, origin: TextOrigin): Promise<CallsOfText> {
    const plain = origin.via === undefined && (this.#temporaries.size > 0 || this.#hasDefaultDataset);
    const paths = calledPaths(sql, plain);
    const called = new CalledRoutines(this, origin);
    const routines: AnalyzerRoutine[] = [];
    const tables: { path: readonly string[]; via: ReadVia | undefined }[] = [];
    const known = new Map<string, string>();
    const missing = new Set<string>();
    const spellings = new Set<string>();
    const add = async (path: readonly string[], from: TextOrigin): Promise<void> => {
      const callee = await this.#find(path, from.via);
      const name = path.join('.').toLowerCase();
      if (callee === undefined) {
        missing.add(name);
        return;
      }
      const same = known.get(name);
      const written = JSON.stringify(path).toLowerCase();
      if (same === callee.key && spellings.has(written)) return;
      spellings.add(written);
      // The analyser matches names in any case and from one place; two routines of one name cannot both be told to it.
      if (same !== undefined && same !== callee.key)
        throw unsupported(`A query in which ${path.join('.')} means two routines`);
      known.set(name, callee.key);
      called.add(name, callee);
      const shape = await this.#shape(callee, from);
      routines.push(analyzerRoutine(path, callee.properties, shape));
      if (shape !== undefined) return;
      const inner = { via: callee.ref, depth: from.depth + 1, stack: this.#enter(callee, from) };
      const body = definitionText(callee.properties);
      for (const table of await this.#analyzer.tableNames(body)) tables.push({ path: table, via: callee.ref });
      for (const next of calledPaths(body, inner.via === undefined)) await add(next, inner);
    };
    for (const path of paths) await add(path, origin);
    for (const name of missing)
      if (known.has(name)) throw unsupported('A query over two routines whose names differ only in case');
    return { routines, tables, called, explained: (error) => this.#explained(error, paths, origin.via) };
  }

  /** The body with these types of arguments. Throws what is wrong with it. */
  body(callee: Callee, types: readonly GType[], origin: TextOrigin): Promise<AnalyzedBody> {
    const stack = this.#enter(callee, origin);
    const key = bodyKey(callee, types);
    let body = this.#bodies.get(key);
    if (body === undefined) {
      if (this.#bodies.size >= MAX_BODIES) throw tooComplex();
      body = this.#analyzer
        .analyzeBody(definitionText(callee.properties, types), { via: callee.ref, depth: origin.depth + 1, stack })
        .catch((error: unknown) => {
          throw inRoutine(error, callee);
        });
      this.#bodies.set(key, body);
      body.catch(() => undefined);
    }
    return body;
  }

  #enter(callee: Callee, origin: TextOrigin): readonly string[] {
    if (origin.stack.includes(callee.key))
      throw invalidQuery(`Function ${callee.name} calls itself, directly or through others, which is not allowed`);
    if (origin.stack.length >= MAX_DEPTH)
      throw invalidQuery(`Exceeded the maximum nested depth of ${MAX_DEPTH} routines at ${callee.name}.`);
    return [...origin.stack, callee.key];
  }

  async #find(path: readonly string[], via: ReadVia | undefined): Promise<Callee | undefined> {
    const parts = path.join('.').split('.');
    if (parts.length === 1) {
      if (via !== undefined) return undefined;
      const temporary = this.#temporaries.get(path[0]!.toLowerCase());
      if (temporary === undefined && !this.#hasDefaultDataset) return undefined;
      const stored = temporary === undefined ? this.#lookup.routine?.(path) : undefined;
      if (temporary === undefined && stored === undefined) return undefined;
      if (await this.#analyzer.isBuiltin(path[0]!)) {
        if (temporary === undefined) return undefined;
        throw invalidQuery(`Function name ${temporary.name} is that of a built-in function`);
      }
      this.ofThisStatement.add(path[0]!);
      return temporary === undefined
        ? stored === undefined
          ? undefined
          : this.#callee(stored.ref, stored.properties)
        : prepared({
            key: `temporary ${temporary.name.toLowerCase()}`,
            name: temporary.name,
            properties: temporary.properties,
          });
    }
    // Names without a project, in a view or routine, are of its own project.
    const own = via !== undefined && parts.length === 2 ? [via.projectId, ...parts] : parts;
    const found = this.#lookup.routine?.(own, via);
    return found === undefined ? undefined : this.#callee(found.ref, found.properties);
  }

  #callee(ref: RoutineRef, properties: RoutineProperties): Promise<Callee> | undefined {
    if (properties.routineType === 'PROCEDURE') return undefined;
    const name = `${ref.projectId}.${ref.datasetId}.${ref.routineId}`;
    return prepared({ key: name, name, ref, properties });
  }

  /** Undefined where the result depends on the types of the arguments. */
  async #shape(callee: Callee, origin: TextOrigin): Promise<ResultShape> {
    const declared = declaredShape(callee.properties);
    if (declared !== undefined || isTemplated(callee.properties)) return declared;
    const types = callee.properties.arguments.map((argument, i) =>
      typeOfDataType(argument.dataType, `arguments[${i}].dataType`),
    );
    const { fields } = await this.body(callee, types, origin);
    return shapeOf(fields, callee);
  }

  #explained(error: unknown, paths: readonly (readonly string[])[], via: ReadVia | undefined): unknown {
    if (!(error instanceof BigQueryError)) return error;
    const [, quoted] =
      /^(?:Table-valued f|F)unction not found: (.+?)(?:; Did you mean [^;]*)? at \[/s.exec(error.message) ?? [];
    if (quoted !== undefined) {
      const name = quoted.replaceAll('`', '').toLowerCase();
      const path = paths.find((written) => written.join('.').toLowerCase() === name);
      const parts = path?.join('.').split('.') ?? [];
      if (parts.length > 1) {
        const own = via !== undefined && parts.length === 2 ? [via.projectId, ...parts] : parts;
        const denial = this.#lookup.routineDenial?.(own, via);
        if (denial !== undefined) return denial;
      }
    }
    const message = error.message.replaceAll(/\b(?:routine|Templated_SQL_Function):/gi, '');
    return message === error.message ? error : invalidQuery(message, error);
  }
}

/** The result of an analysed body. */
export function shapeOf(fields: Message, callee: Pick<Callee, 'name' | 'properties'>): ResultShape {
  if (callee.properties.routineType !== 'TABLE_VALUED_FUNCTION')
    return { kind: 'value', type: typeFromProto(fields['returnType']) };
  if (fields['isValueTable'] === true) throw unsupported(`A table function of a value table (${callee.name})`);
  return {
    kind: 'table',
    columns: parts(fields, 'outputColumnList').map((output) => ({
      name: text(output, 'name'),
      type: typeFromProto(part(output, 'column')['type']),
    })),
  };
}

async function prepared(callee: Callee): Promise<Callee> {
  if (callee.properties.language === 'JAVASCRIPT') await prepareSandbox();
  return callee;
}

/** What is wrong with the body itself, other than with the rights to what it names, is told with the routine's name. */
function inRoutine(error: unknown, { name }: Callee): unknown {
  if (!(error instanceof BigQueryError) || error.reason !== 'invalidQuery') return error;
  const message = error.message.replace(/ at \[\d+:\d+\]$/, '');
  return invalidQuery(
    message.startsWith('Invalid function ') ? message : `Invalid function ${name}; ${message}`,
    error,
  );
}
