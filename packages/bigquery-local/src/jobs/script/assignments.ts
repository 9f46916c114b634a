// DECLARE and SET: what they evaluate, and what they refuse.
import { BigQueryError } from '../../bigquery-error.ts';
import type { ScriptStatement } from '../../googlesql/script/script.ts';
import { typeName, type GType, type TypedValue, type Value } from '../../googlesql/types.ts';
import { childOf, evaluate, EXPRESSION_PREFIX } from './expressions.ts';
import { textOf, type Frame } from './frame.ts';
import type { ScriptRun } from './script-run.ts';
import { settingOf } from './system-variables.ts';

export async function declare(
  run: ScriptRun,
  { names, type, value }: Extract<ScriptStatement, { readonly kind: 'declare' }>,
  frame: Frame,
): Promise<void> {
  for (const { name } of names) {
    // Of an earlier job of the session; those of one script were checked before it began.
    if (frame.variables === run.options.state.variables && frame.variables.get(name) !== undefined)
      throw invalid(`Variable '${name}' redeclaration`);
  }
  let declared: GType | undefined;
  if (type !== undefined) {
    const text = textOf(frame, type);
    // Nothing would hold an assignment to its bounds.
    if (text.includes('('))
      throw invalid(`A variable of the parameterized type ${text} is not supported by the local BigQuery`);
    ({ type: declared } = await evaluate(run.around, frame, type, undefined, `CAST(NULL AS ${text})`));
  }
  const initial: TypedValue =
    value === undefined
      ? { type: declared ?? { kind: 'INT64' }, value: null }
      : await evaluate(run.around, frame, value, declared);
  for (const { name } of names) frame.variables.declare(name, initial);
}

/** SET (a, b) = …: evaluated once, as a STRUCT of the variables' types. */
export async function setStruct(
  run: ScriptRun,
  { names, value }: Extract<ScriptStatement, { readonly kind: 'set_struct' }>,
  frame: Frame,
): Promise<void> {
  const types = names.map((name) => run.typeOf(frame, name));
  const sql = `${EXPRESSION_PREFIX}${textOf(frame, value)}`;
  const [column] = (await run.options.children.columns(childOf(run.around, frame, value, { sql }))) ?? [];
  const given = column?.type;
  if (given?.kind !== 'STRUCT')
    throw invalid(
      `Expected a STRUCT to assign to (${names.map(({ name }) => name).join(', ')}), but the expression has type ${given === undefined ? 'none' : typeName(given)}`,
    );
  if (given.fields.length !== types.length)
    throw invalid(
      `Mismatch between number of variables (${types.length}) and number of fields (${given.fields.length}) in the assignment`,
    );
  const target: GType = { kind: 'STRUCT', fields: types.map((type, i) => ({ name: given.fields[i]!.name, type })) };
  const struct = await evaluate(run.around, frame, value, target);
  const values = struct.value as readonly Value[] | null;
  names.forEach(({ name }, i) => {
    frame.variables.set(name, { type: types[i]!, value: values?.[i] ?? null });
  });
}

export function setSystemVariable(run: ScriptRun, path: readonly string[], value: TypedValue): void {
  const { state, execution } = run.options;
  const setting = settingOf(path, value);
  switch (setting.kind) {
    case 'dataset_id':
      state.defaultDataset =
        setting.value === undefined
          ? undefined
          : { projectId: state.defaultDataset?.projectId ?? execution.projectId, datasetId: setting.value };
      return;
    case 'dataset_project_id':
      if (state.defaultDataset !== undefined)
        state.defaultDataset = { ...state.defaultDataset, projectId: setting.value ?? execution.projectId };
      return;
    case 'query_label':
      labelsOf(setting.value);
      state.queryLabel = setting.value;
      return;
    case 'nothing':
  }
}

/** `key:value,key:value`. Source: "Adding labels to jobs in a session". */
export function labelsOf(text: string | undefined): Readonly<Record<string, string>> | undefined {
  if (text === undefined || text === '') return undefined;
  return Object.fromEntries(
    text.split(',').map((pair): [string, string] => {
      const [, key, value] = /^\s*([a-z][a-z0-9_-]{0,62})\s*:\s*([a-z0-9_-]{0,63})\s*$/.exec(pair) ?? [];
      if (key === undefined)
        throw new BigQueryError(
          'invalidQuery',
          `Invalid value of @@query_label: ${text}. Labels are written as key:value,key:value`,
          {
            location: 'query',
          },
        );
      return [key, value ?? ''];
    }),
  );
}

function invalid(message: string): BigQueryError {
  return new BigQueryError('invalidQuery', message, { location: 'query' });
}
