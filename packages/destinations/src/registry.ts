// All destinations that Sluice offers, behind the contract of destination-kit.
import { AppError } from '@sluice/core';
import type {
  AudienceResult,
  CallOptions,
  ConnectionSpec,
  DestinationCatalogue,
  DestinationSpec,
  Diagnostic,
  OpenDestination,
  RenewCredentials,
  RunnerOptions,
} from '@sluice/destination-kit';
import {
  TokenStore,
  connectionProblems,
  describeShape,
  error,
  mappingReferences,
  tryRecord,
  validateSpec,
} from '@sluice/destination-kit';
import { catalogueEntries } from './catalogue/entries.ts';
import { exclusions } from './catalogue/excluded.ts';
import type { DestinationEntry, OpenOptions } from './entry.ts';
import { nativeEntries } from './native.ts';
import { nearestTypes } from './nearest-types.ts';

export type RegistryOptions = {
  /** For one HTTP exchange unless the definition asks for another time. Default 10,000. */
  readonly fetchTimeoutMs?: number;
  readonly userAgent?: string;
  /** Where relative paths in settings start. Default: the working directory. */
  readonly baseDirectory?: string;
  /** Limits and connections of the HTTP client, beside what stands here; tests route requests with it. */
  readonly runner?: Partial<RunnerOptions>;
  /** Keeper of OAuth tokens for every call that brings none of its own. */
  readonly renewCredentials?: RenewCredentials;
};

export function createRegistry(options: RegistryOptions = {}): DestinationCatalogue {
  const base: OpenOptions = {
    fetchTimeoutMs: options.fetchTimeoutMs ?? 10_000,
    userAgent: options.userAgent ?? 'Sluice',
    baseDirectory: options.baseDirectory ?? process.cwd(),
    ...(options.runner === undefined ? {} : { runner: options.runner }),
  };
  const entries = new Map<string, DestinationEntry>();
  for (const entry of [...nativeEntries(base.baseDirectory), ...catalogueEntries]) entries.set(entry.type, entry);
  const tokens = new TokenStore();

  const optionsFor = (
    spec: ConnectionSpec,
    { saveCredentials, renewCredentials = options.renewCredentials }: CallOptions = {},
  ): OpenOptions => {
    const shared = tokens.of(spec);
    return {
      ...base,
      ...(shared === undefined ? {} : { tokens: shared }),
      ...(saveCredentials === undefined ? {} : { saveCredentials: (fresh) => saveCredentials(spec, fresh) }),
      ...(renewCredentials === undefined
        ? {}
        : { renewCredentials: (stale, ask) => renewCredentials(spec, stale, ask) }),
    };
  };

  const validateConnection = (spec: ConnectionSpec): readonly Diagnostic[] => {
    const entry = entries.get(spec.type);
    if (entry === undefined) return [unknownType(spec.type, entries)];
    return [...connectionProblems(entry.shape(), spec), ...(entry.checkConnection?.(spec) ?? [])];
  };

  const validate = (spec: DestinationSpec, modelColumns: readonly string[]): readonly Diagnostic[] => {
    const entry = entries.get(spec.type);
    if (entry === undefined) return [unknownType(spec.type, entries)];
    const problems = validateSpec(entry.shape(), spec, modelColumns);
    return [...problems, ...(entry.checkConnection?.(spec) ?? []), ...entry.check(spec, modelColumns)];
  };

  /** The entry, when what is asked of it can be asked with these settings. */
  const usable = (spec: ConnectionSpec): DestinationEntry | { readonly code: string; readonly message: string } => {
    const problem = validateConnection(spec).find(({ severity }) => severity === 'error');
    const entry = entries.get(spec.type);
    if (problem === undefined && entry !== undefined) return entry;
    return { code: 'INVALID_SETTINGS', message: problem?.message ?? `there is no destination of type "${spec.type}"` };
  };

  const audience =
    (call: 'createAudience' | 'getAudience') =>
    async (spec: DestinationSpec, asked?: CallOptions): Promise<AudienceResult> => {
      const entry = usable(spec);
      if (!('type' in entry)) return { kind: 'failed', ...entry };
      return entry[call]?.(spec, optionsFor(spec, asked), signalOf(asked)) ?? unsupported('NO_AUDIENCE', spec, call);
    };

  return {
    list: () => [...entries.values()].map(({ type, name }) => ({ type, name })),
    excluded: () => exclusions,
    describe: (type) => {
      const entry = entries.get(type);
      return entry === undefined ? undefined : { ...describeShape(entry.shape()), name: entry.name };
    },
    validate,
    validateConnection,
    columns: (spec) => {
      const entry = entries.get(spec.type);
      if (entry === undefined) throw new TypeError(`there is no destination of type ${spec.type}`);
      return entry.columns(spec);
    },
    open: async (spec, asked) => validEntry(entries.get(spec.type), spec, validate).open(spec, optionsFor(spec, asked)),
    tryRecord: async (spec, change, { send }, asked) => {
      const openOptions = optionsFor(spec, asked);
      const entry = validEntry(entries.get(spec.type), spec, validate);
      const open = (trace: RunnerOptions['trace']): Promise<OpenDestination> =>
        entry.open(
          spec,
          trace === undefined ? openOptions : { ...openOptions, runner: { ...openOptions.runner, trace } },
        );
      const { tokens: shared } = openOptions;
      const trier = { shape: entry.shape(), http: entry.http === true, open };
      return tryRecord(
        shared === undefined ? trier : { ...trier, tokens: shared },
        spec,
        change,
        send,
        signalOf(asked),
      );
    },
    testAuthentication: async (spec, asked) => {
      const entry = usable(spec);
      if (!('type' in entry)) return { result: 'invalid', ...entry };
      return entry.testAuthentication?.(spec, optionsFor(spec, asked), signalOf(asked)) ?? { result: 'untested' };
    },
    dynamicField: async (spec, request, asked) => {
      const entry = usable(spec);
      if (!('type' in entry)) return { kind: 'failed', ...entry };
      const answer = entry.dynamicField?.(spec, request, optionsFor(spec, asked), signalOf(asked));
      return answer ?? unsupported('NOT_DYNAMIC', spec, 'give choices');
    },
    performHook: async (spec, hook, inputs, asked) => {
      const entry = usable(spec);
      if (!('type' in entry)) return { kind: 'failed', ...entry };
      const answer = entry.performHook?.(spec, hook, inputs, optionsFor(spec, asked), signalOf(asked));
      return answer ?? unsupported('NO_HOOK', spec, 'run hooks');
    },
    createAudience: audience('createAudience'),
    getAudience: audience('getAudience'),
  };
}

function signalOf(options: CallOptions | undefined): AbortSignal {
  return options?.signal ?? new AbortController().signal;
}

function unsupported(code: string, { type }: ConnectionSpec, what: string) {
  return { kind: 'failed' as const, code, message: `the destination ${type} cannot ${what}` };
}

function unknownType(type: string, entries: ReadonlyMap<string, DestinationEntry>): Diagnostic {
  const excluded = exclusions.find((each) => each.type === type);
  if (excluded !== undefined) {
    return error('type', `the destination "${type}" is not offered: it ${excluded.reason}`, 'sluice destinations list');
  }
  const near = nearestTypes(type, [...entries.values()]);
  return error(
    'type',
    `there is no destination of type "${type}"`,
    `${near.length === 0 ? '' : `did you mean ${near.map((each) => `"${each}"`).join(' or ')}? `}"sluice destinations list" shows all ${entries.size}`,
  );
}

// The model's columns are not known here; `validate` is where they are checked.
function validEntry(
  entry: DestinationEntry | undefined,
  spec: DestinationSpec,
  validate: (spec: DestinationSpec, modelColumns: readonly string[]) => readonly Diagnostic[],
): DestinationEntry {
  const problems = validate(spec, namedColumns(spec)).filter((problem) => problem.severity === 'error');
  if (entry !== undefined && problems.length === 0) return entry;
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
