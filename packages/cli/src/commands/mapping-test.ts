// One record on trial: read from the source, mapped, shown as the request it becomes, and only
// with --send sent.
import { AppError } from '@sluice/core';
import { readRecord } from '@sluice/engine';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { mappingTestLines } from '../views/mapping-test.ts';
import { withMapping } from './mapping-session.ts';
import type { MappingTestOptions } from './mappings-program.ts';
import { answer } from './session.ts';

/**
 * `{ mapping, recordId, operation, columns, payload?, rejection?, requests, notes, result? }`.
 * 1 when the record is not valid, or was sent and not delivered. The state is left as it is: the
 * next sync sends the record again.
 */
export function mappingTestCommand(io: Io, name: string, options: MappingTestOptions): Promise<ExitCode> {
  return withMapping(io, name, options, async ({ session, mapping, source, registry }) => {
    const { name: _, ...destination } = mapping.destination;
    const { recordId, operation, send = false } = { ...options, recordId: options.record };
    const { signal } = io;
    const { columns, change } = await readRecord(source, mapping.model, {
      signal,
      ...(recordId === undefined ? {} : { recordId }),
    });
    const spec = { ...destination, mappingId: mapping.id, syncId: 'test-record', operations: mapping.operations };
    const names = columns.map((column) => column.name);
    const problems = registry.validate(spec, names).filter(({ severity }) => severity === 'error');
    if (problems.length > 0) {
      throw new AppError(`mapping "${name}" is not valid`, {
        code: 'MAPPING_INVALID',
        kind: 'invalid',
        details: { diagnostics: problems },
      });
    }
    if (change === undefined) {
      throw new AppError(
        recordId === undefined
          ? `model "${mapping.model.name}" has no record with an identifier`
          : `model "${mapping.model.name}" has no record with the identifier ${JSON.stringify(recordId)}`,
        {
          code: 'NO_RECORD',
          kind: 'invalid',
          fix: `Look at the model: sluice preview ${mapping.model.name}; identifiers are compared as texts, in full.`,
        },
      );
    }
    const deleted = Object.fromEntries(names.map((each) => [each, null]));
    const tried = { ...change, operation, columns: operation === 'deleted' ? deleted : change.columns };
    const trial = await registry.tryRecord(spec, tried, { send }, { signal });
    const document = { mapping: name, recordId: tried.recordId, operation, columns: tried.columns, ...trial };
    answer(session, document, () => mappingTestLines(document, send, session.style));
    if (trial.rejection !== undefined) return EXIT.failed;
    if (!send) return EXIT.ok;
    const { result } = trial;
    return result?.kind === 'rows' && result.outcomes[0]?.outcome === 'delivered' ? EXIT.ok : EXIT.failed;
  });
}
