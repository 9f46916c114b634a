// What can be sent to, without a project: the registry's list, one destination, one action.
import { AppError } from '@sluice/core';
import { createRegistry } from '@sluice/destinations';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { actionLines, destinationLines, destinationListLines, excludedLines } from '../views/destinations.ts';
import type { DestinationsListOptions } from './destinations-program.ts';
import { answer, sessionOf } from './session.ts';
import type { GlobalOptions } from './session.ts';

/** `{ destinations: [{ type, name }] }`, or with `--excluded` `{ excluded: [{ type, name, reason }] }`. */
export async function destinationsListCommand(io: Io, options: DestinationsListOptions): Promise<ExitCode> {
  const session = sessionOf(io, options);
  const registry = createRegistry({ baseDirectory: io.cwd });
  const wanted = options.search?.toLowerCase() ?? '';
  const found = <T extends { readonly type: string; readonly name: string }>(all: readonly T[]): T[] =>
    all.filter(({ type, name }) => `${type}\n${name}`.toLowerCase().includes(wanted));
  if (options.excluded === true) {
    const excluded = found(registry.excluded());
    answer(session, { excluded }, () => excludedLines(excluded, io.columns, session.style));
    return EXIT.ok;
  }
  const destinations = found(registry.list());
  answer(session, { destinations }, () => destinationListLines(destinations, io.columns, session.style));
  return EXIT.ok;
}

/** `{ destination: DestinationInfo }`, or `{ type, action: ActionInfo }`. */
export async function destinationsShowCommand(
  io: Io,
  type: string,
  actionKey: string | undefined,
  options: GlobalOptions,
): Promise<ExitCode> {
  const session = sessionOf(io, options);
  const registry = createRegistry({ baseDirectory: io.cwd });
  const info = registry.describe(type);
  if (info === undefined) {
    const [problem] = registry.validateConnection({ type, settings: {} });
    throw invalid(problem?.message ?? `there is no destination "${type}"`, problem?.fix ?? 'sluice destinations list');
  }
  if (actionKey === undefined) {
    answer(session, { destination: info }, () => destinationLines(info, io.columns, session.style));
    return EXIT.ok;
  }
  const action = info.actions.find(({ key }) => key === actionKey);
  if (action === undefined) {
    const known = info.actions.map(({ key }) => key).join(', ');
    throw invalid(`the destination ${type} has no action "${actionKey}"`, `there are: ${known}`);
  }
  answer(session, { type, action }, () => actionLines(info, action, io.columns, session.style));
  return EXIT.ok;
}

function invalid(message: string, fix: string): AppError {
  return new AppError(message, { code: 'UNKNOWN_DESTINATION', kind: 'invalid', fix });
}
