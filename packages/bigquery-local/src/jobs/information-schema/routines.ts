// ROUTINES, ROUTINE_OPTIONS and PARAMETERS. Source: the pages of these views in BigQuery's documentation.
import type { Routine, StandardSqlDataType } from '../../catalog/routines.ts';
import { optionsClause, stringLiteral, type OptionRow } from './option-text.ts';
import { columnsOf, type Cell, type SystemView, type ViewScope } from './system-view.ts';

const base = { qualifiers: ['dataset', 'region'], permission: 'bigquery.routines.list' } as const;

const TYPES: Readonly<Record<Routine['properties']['routineType'], string>> = {
  SCALAR_FUNCTION: 'FUNCTION',
  AGGREGATE_FUNCTION: 'AGGREGATE FUNCTION',
  TABLE_VALUED_FUNCTION: 'TABLE FUNCTION',
  PROCEDURE: 'PROCEDURE',
};

function visibleRoutines({ services, principal, projectId, location, dataset }: ViewScope): Routine[] {
  const datasets =
    dataset === undefined
      ? services.datasets
          .list(projectId)
          .filter((other) => other.hiddenOwner === undefined && other.location === location)
      : [dataset];
  return datasets.flatMap(({ datasetId }) => {
    const resource = { kind: 'dataset', projectId, datasetId } as const;
    if (!services.access.decide(principal, 'bigquery.routines.list', resource).allowed) return [];
    return services.routines
      .list(projectId, datasetId)
      .filter(
        ({ ref }) => services.access.decide(principal, 'bigquery.routines.get', { kind: 'routine', ...ref }).allowed,
      );
  });
}

export const ROUTINES: SystemView = {
  ...base,
  columns: columnsOf(`specific_catalog STRING, specific_schema STRING, specific_name STRING, routine_catalog STRING,
    routine_schema STRING, routine_name STRING, routine_type STRING, data_type STRING, routine_body STRING,
    routine_definition STRING, external_language STRING, is_deterministic STRING, security_type STRING,
    created TIMESTAMP, last_altered TIMESTAMP, ddl STRING`),
  rows: (scope) =>
    visibleRoutines(scope).map((routine) => {
      const { properties } = routine;
      const external = properties.language === 'SQL' ? null : properties.language;
      return [
        ...idsOf(routine),
        ...idsOf(routine),
        TYPES[properties.routineType],
        properties.returnType === undefined ? null : typeText(properties.returnType),
        external === null ? 'SQL' : 'EXTERNAL',
        properties.definitionBody,
        external,
        properties.determinismLevel === undefined
          ? null
          : properties.determinismLevel === 'DETERMINISTIC'
            ? 'YES'
            : 'NO',
        null,
        routine.createdMs,
        routine.modifiedMs,
        routineDdl(routine),
      ];
    }),
};

export const ROUTINE_OPTIONS: SystemView = {
  ...base,
  columns: columnsOf(`specific_catalog STRING, specific_schema STRING, specific_name STRING, option_name STRING,
    option_type STRING, option_value STRING`),
  rows: (scope) =>
    visibleRoutines(scope).flatMap((routine) =>
      optionsOf(routine).map(({ name, type, value }): Cell[] => [...idsOf(routine), name, type, value]),
    ),
};

export const PARAMETERS: SystemView = {
  ...base,
  columns: columnsOf(`specific_catalog STRING, specific_schema STRING, specific_name STRING, ordinal_position INT64,
    parameter_mode STRING, is_result STRING, parameter_name STRING, data_type STRING, parameter_default STRING,
    is_aggregate STRING`),
  rows: (scope) =>
    visibleRoutines(scope).flatMap((routine) => {
      const { properties } = routine;
      const result: Cell[][] =
        properties.returnType === undefined
          ? []
          : [[...idsOf(routine), 0, null, 'YES', null, typeText(properties.returnType), null, null]];
      return [
        ...result,
        ...properties.arguments.map((argument, i): Cell[] => [
          ...idsOf(routine),
          i + 1,
          argument.mode ?? null,
          'NO',
          argument.name,
          argument.dataType === undefined ? 'ANY TYPE' : typeText(argument.dataType),
          null,
          properties.routineType === 'AGGREGATE_FUNCTION' ? (argument.isAggregate === false ? 'NO' : 'YES') : null,
        ]),
      ];
    }),
};

function idsOf({ ref }: Routine): Cell[] {
  return [ref.projectId, ref.datasetId, ref.routineId];
}

function optionsOf({ properties }: Routine): OptionRow[] {
  const { description } = properties;
  return description === undefined ? [] : [{ name: 'description', type: 'STRING', value: stringLiteral(description) }];
}

function typeText(type: StandardSqlDataType): string {
  if (type.arrayElementType !== undefined) return `ARRAY<${typeText(type.arrayElementType)}>`;
  if (type.rangeElementType !== undefined) return `RANGE<${typeText(type.rangeElementType)}>`;
  if (type.structType !== undefined)
    return `STRUCT<${type.structType.fields
      .map(({ name, type: inner }) =>
        [name, inner === undefined ? undefined : typeText(inner)].filter((part) => part !== undefined).join(' '),
      )
      .join(', ')}>`;
  return type.typeKind;
}

function routineDdl(routine: Routine): string {
  const { ref, properties } = routine;
  const args = properties.arguments.map(({ mode, name, dataType, isAggregate }) =>
    [
      ...(mode === undefined || mode === 'IN' ? [] : [mode]),
      name,
      dataType === undefined ? 'ANY TYPE' : typeText(dataType),
      ...(isAggregate === false ? ['NOT AGGREGATE'] : []),
    ].join(' '),
  );
  const returns = properties.returnType === undefined ? '' : ` RETURNS ${typeText(properties.returnType)}`;
  const language = properties.language === 'SQL' ? '' : `\nLANGUAGE ${properties.language.toLowerCase()}`;
  const head = `CREATE ${TYPES[properties.routineType]} \`${ref.projectId}.${ref.datasetId}.${ref.routineId}\`(${args.join(', ')})${returns}${language}${optionsClause(optionsOf(routine))}`;
  if (properties.routineType === 'PROCEDURE') return `${head}\nBEGIN\n${properties.definitionBody}\nEND;`;
  if (properties.language !== 'SQL') return `${head}\nAS r"""${properties.definitionBody}""";`;
  return properties.routineType === 'TABLE_VALUED_FUNCTION'
    ? `${head}\nAS (\n${properties.definitionBody}\n);`
    : `${head}\nAS (${properties.definitionBody});`;
}
