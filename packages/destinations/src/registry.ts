// All destinations that Sluice offers, behind the contract of destination-kit.
import { AppError } from '@sluice/core';
import type { DestinationRegistry, DestinationSpec, Diagnostic, OpenDestination } from '@sluice/destination-kit';
import { describeShape, error, mappingReferences, validateSpec } from '@sluice/destination-kit';
import { catalogueEntries } from './catalogue/entries.ts';
import type { DestinationEntry, OpenOptions } from './entry.ts';
import { fileEntry } from './file/entry.ts';

export type RegistryOptions = {
  /** For one HTTP exchange unless the definition asks for another time. Default 10,000. */
  readonly fetchTimeoutMs?: number;
  readonly userAgent?: string;
  /** Where relative paths in settings start. Default: the working directory. */
  readonly baseDirectory?: string;
};

export function createRegistry(options: RegistryOptions = {}): DestinationRegistry {
  const openOptions: OpenOptions = {
    fetchTimeoutMs: options.fetchTimeoutMs ?? 10_000,
    userAgent: options.userAgent ?? 'Sluice',
    baseDirectory: options.baseDirectory ?? process.cwd(),
  };
  const entries = new Map<string, DestinationEntry>();
  for (const entry of [...catalogueEntries, fileEntry(openOptions.baseDirectory)]) entries.set(entry.type, entry);

  const validate = (spec: DestinationSpec, modelColumns: readonly string[]): readonly Diagnostic[] => {
    const entry = entries.get(spec.type);
    if (entry === undefined) {
      return [
        error('type', `there is no destination of type "${spec.type}"`, `there are: ${[...entries.keys()].join(', ')}`),
      ];
    }
    const problems = validateSpec(entry.shape(), spec, modelColumns);
    return [...problems, ...entry.check(spec, modelColumns)];
  };

  return {
    list: () => [...entries.values()].map(({ type, name }) => ({ type, name })),
    describe: (type) => {
      const entry = entries.get(type);
      return entry === undefined ? undefined : describeShape(entry.shape());
    },
    validate,
    columns: (spec) => {
      const entry = entries.get(spec.type);
      if (entry === undefined) throw new TypeError(`there is no destination of type ${spec.type}`);
      return entry.columns(spec);
    },
    open: async (spec) => openValid(entries.get(spec.type), spec, openOptions, validate),
  };
}

// The model's columns are not known here; `validate` is where they are checked.
async function openValid(
  entry: DestinationEntry | undefined,
  spec: DestinationSpec,
  options: OpenOptions,
  validate: (spec: DestinationSpec, modelColumns: readonly string[]) => readonly Diagnostic[],
): Promise<OpenDestination> {
  const problems = validate(spec, namedColumns(spec)).filter((problem) => problem.severity === 'error');
  if (entry !== undefined && problems.length === 0) return entry.open(spec, options);
  const [first] = problems;
  throw new AppError(
    `the destination ${spec.type} cannot be opened: ${problems.map((problem) => problem.message).join('; ')}`,
    {
      code: 'INVALID_DESTINATION',
      kind: 'invalid',
      where: first?.path ?? spec.type,
      ...(first?.fix === undefined ? {} : { fix: first.fix }),
      details: { problems },
    },
  );
}

function namedColumns(spec: DestinationSpec): readonly string[] {
  return mappingReferences(spec.fields).flatMap(({ keys }) =>
    keys === 'all' || keys[1] === undefined ? [] : [keys[1]],
  );
}
