// `sluice bigquery grant`, `revoke` and `policy`.
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { table } from '../views/table.ts';
import { BigQueryClient } from './bigquery-client.ts';
import type { SetUpOptions } from './bigquery-client.ts';
import { changePolicy, memberName, policyHomeOf, readPolicy, roleName } from './bigquery-policy.ts';
import { answer, sessionOf } from './session.ts';

export type GrantArguments = { readonly member: string; readonly role: string; readonly resource: string };

/** Exit code 0 also when nothing had to change: the state is the one that was asked for. */
export async function grantCommand(
  io: Io,
  change: 'grant' | 'revoke',
  given: GrantArguments,
  options: SetUpOptions,
): Promise<ExitCode> {
  const home = policyHomeOf(given.resource);
  const member = memberName(given.member);
  const role = roleName(given.role);
  const client = await BigQueryClient.open(io, options, home.projectId);
  const changed = await changePolicy(client, home, { change, role, member });
  answer(sessionOf(io, options), { resource: home.name, role, member, change, changed }, () => [
    change === 'grant'
      ? `${member} ${changed ? 'now has' : 'has already'} ${role} on ${home.name}.`
      : `${member} ${changed ? 'no longer has' : 'does not have'} ${role} on ${home.name}${changed ? '' : ' without a condition'}.`,
  ]);
  return EXIT.ok;
}

export async function policyCommand(io: Io, resource: string, options: SetUpOptions): Promise<ExitCode> {
  const home = policyHomeOf(resource);
  const client = await BigQueryClient.open(io, options, home.projectId);
  const grants = (await readPolicy(client, home)).toSorted(
    (a, b) => compare(a.role, b.role) || compare(a.member, b.member),
  );
  const session = sessionOf(io, options);
  answer(session, { resource: home.name, grants }, () => {
    if (grants.length === 0) return [`Nothing is granted on ${home.name} itself.`];
    const conditional = grants.some(({ condition }) => condition !== undefined);
    return table(
      [{ title: 'role' }, { title: 'member' }, ...(conditional ? [{ title: 'condition' }] : [])],
      grants.map(({ role, member, condition }) => [role, member, condition ?? '']),
      io.columns,
      session.style,
    );
  });
  return EXIT.ok;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
