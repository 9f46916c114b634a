// What people do to a mapping between and during its syncs: reset, retry, pause, resume,
// cancel. They need the mapping's name only, so they work although its query is broken.
import { hostname, userInfo } from 'node:os';
import { AppError } from '@sluice/core';
import { cancelSync, pauseMapping, resetMapping, resumeMapping, retryRejected } from '@sluice/engine';
import type { MappingName, SourceConfig } from '@sluice/engine';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { countOf } from '../views/style.ts';
import { answer, loadProject, sessionOf } from './session.ts';
import type { GlobalOptions, Session } from './session.ts';

type Named = { readonly session: Session; readonly source: SourceConfig; readonly mapping: MappingName };

async function named(io: Io, name: string, options: GlobalOptions): Promise<Named> {
  const project = await loadProject(io, options, 'entries');
  const { id } = project.mappingEntry(name);
  return { session: sessionOf(io, options), source: await project.source(), mapping: { name, id } };
}

export async function resetCommand(
  io: Io,
  name: string,
  options: GlobalOptions & { readonly confirm?: string },
): Promise<ExitCode> {
  const { session, source, mapping } = await named(io, name, options);
  if (options.confirm !== name) {
    throw new AppError(`After a reset the next sync of "${name}" sends every record again, as added`, {
      code: 'RESET_UNCONFIRMED',
      kind: 'invalid',
      fix: `If that is meant: sluice reset ${name} --confirm ${name}`,
    });
  }
  const { records } = await resetMapping(source, mapping, { confirm: name, signal: io.signal });
  answer(session, { mapping: name, reset: true, records }, () => [
    `Mapping "${name}" is reset: ${countOf(records, 'record')} forgotten. The next sync sends every record; the destination was not touched.`,
  ]);
  return EXIT.ok;
}

export async function retryCommand(
  io: Io,
  name: string,
  options: GlobalOptions & { readonly record?: readonly string[] },
): Promise<ExitCode> {
  const { session, source, mapping } = await named(io, name, options);
  const recordIds = options.record === undefined ? {} : { recordIds: options.record };
  const { records } = await retryRejected(source, mapping, { ...recordIds, signal: io.signal });
  answer(session, { mapping: name, records }, () => [
    records === 0
      ? 'No record is in quarantine.'
      : `${countOf(records, 'record')} left the quarantine; the next sync tries again.`,
  ]);
  return EXIT.ok;
}

export async function pauseCommand(
  io: Io,
  name: string,
  options: GlobalOptions & { readonly reason?: string },
): Promise<ExitCode> {
  const { session, source, mapping } = await named(io, name, options);
  const by = `${userInfo().username}@${hostname()}`;
  const reason = options.reason === undefined ? {} : { reason: options.reason };
  await pauseMapping(source, mapping, { by, ...reason, signal: io.signal });
  answer(session, { mapping: name, paused: true, by, ...reason }, () => [
    `Mapping "${name}" is paused: its syncs are skipped, on every machine, until: sluice resume ${name}`,
  ]);
  return EXIT.ok;
}

export async function resumeCommand(io: Io, name: string, options: GlobalOptions): Promise<ExitCode> {
  const { session, source, mapping } = await named(io, name, options);
  const resumed = await resumeMapping(source, mapping, { signal: io.signal });
  answer(session, { mapping: name, paused: false, resumed }, () => [
    resumed ? `Mapping "${name}" takes part in syncs again.` : `Mapping "${name}" was not paused.`,
  ]);
  return EXIT.ok;
}

export async function cancelCommand(io: Io, name: string, options: GlobalOptions): Promise<ExitCode> {
  const { session, source, mapping } = await named(io, name, options);
  const syncId = await cancelSync(source, mapping, { signal: io.signal });
  answer(
    session,
    { mapping: name, ...(syncId === undefined ? {} : { syncId }), canceling: syncId !== undefined },
    () => [
      syncId === undefined
        ? `No sync of mapping "${name}" is running.`
        : `Sync ${syncId} is asked to stop; it does within a minute, and commits what was delivered. What was not is in the next plan.`,
    ],
  );
  return EXIT.ok;
}
