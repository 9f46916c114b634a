// How much of sluice.yaml must be in order. A command that only asks about the source, or
// about the state of mappings, does not fail for the sake of an entry that it does not use.
import type { ConfigDocument } from './document.ts';
import { configError } from './problem.ts';
import type { Problem } from './problem.ts';
import { projectSchema } from './schema.ts';
import type { ProjectDocument } from './schema.ts';
import { describeIssues } from './shape.ts';

/**
 * `all`: everything. `entries`: the source, and each model, destination and mapping for
 * itself. `source`: the source alone.
 */
export type Scope = 'all' | 'entries' | 'source';

/** Entries whose shape is wrong, as `mappings.NAME`, with what is wrong. */
export type SetAside = ReadonlyMap<string, readonly Problem[]>;

const SECTIONS: ReadonlySet<unknown> = new Set(['models', 'destinations', 'mappings']);

/** Throws an AppError with every problem of shape within the scope. */
export function readDocument(
  document: ConfigDocument,
  scope: Scope,
): { readonly config: ProjectDocument; readonly setAside: SetAside } {
  const value = document.toValue() ?? {};
  const setAside = new Map<string, Problem[]>();
  const input = scope === 'source' && isRecord(value) ? { source: value['source'] } : value;
  const parsed = projectSchema.safeParse(input);
  if (parsed.success) return { config: parsed.data, setAside };
  const { issues } = parsed.error;
  const outside = issues.filter(({ path }) => !(SECTIONS.has(path[0]) && path.length > 1));
  if (scope !== 'entries' || outside.length > 0 || !isRecord(input)) {
    throw configError(describeIssues(scope === 'entries' && outside.length > 0 ? outside : issues, document));
  }
  const rest: Record<string, unknown> = { ...input };
  for (const issue of issues) {
    const [section, name] = issue.path.map(String) as [string, string];
    const key = `${section}.${name}`;
    setAside.set(key, [...(setAside.get(key) ?? []), ...describeIssues([issue], document)]);
    const entries = rest[section];
    if (isRecord(entries))
      rest[section] = Object.fromEntries(Object.entries(entries).filter(([each]) => each !== name));
  }
  return { config: projectSchema.parse(rest), setAside };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
