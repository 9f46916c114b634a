// `sluice bigquery explain-access`: which entries grant a permission, or what would.
import path from 'node:path';
import { explainAccess, type AccessExplanation } from '@sluice/bigquery-local';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { answer, sessionOf } from './session.ts';
import type { GlobalOptions } from './session.ts';

export type ExplainAccessQuestion = {
  readonly principal: string;
  readonly permission: string;
  readonly resource: string;
};

/** Exit code 0 when it is granted, 1 when it is denied. */
export async function explainAccessCommand(
  io: Io,
  question: ExplainAccessQuestion,
  options: GlobalOptions & { readonly dataDir: string },
): Promise<ExitCode> {
  const session = sessionOf(io, options);
  const explanation = explainAccess({ ...question, dataDir: path.resolve(io.cwd, options.dataDir) });
  answer(session, explanation, () => linesOf(explanation));
  return explanation.granted ? EXIT.ok : EXIT.failed;
}

function linesOf(explanation: AccessExplanation): string[] {
  const { principal, permission, resource, granted, entries, missing } = explanation;
  const lines = [`${granted ? 'granted' : 'denied'}: ${permission} on ${resource} to ${principal}`];
  for (const { role, member, on, through, inForce } of entries) {
    lines.push(`  ${role} to ${member} on ${on}${inForce ? '' : ' (its condition does not hold now)'}`);
    if (through.length > 0) lines.push(`    ${[principal, ...through].join(' → ')}`);
  }
  lines.push(...rowLines(explanation));
  if (granted) return lines;
  if (entries.length === 0) lines.push('  No entry grants it.');
  if (missing.length > 0) lines.push('Any one of these would grant it, the smallest resource first:');
  for (const { role, title, permissions, on, command } of missing) {
    const inAll = permissions === 1 ? '1 permission' : `${permissions} permissions`;
    lines.push(`  ${role} (${title}, ${inAll}) on ${on}`, `    ${command}`);
  }
  return lines;
}

/** Which rows of a table, and through what else it is read. */
function rowLines({ rows, authorized = [] }: AccessExplanation): string[] {
  const lines: string[] = [];
  if (rows !== undefined) {
    lines.push(`  Row access policies show ${rows.shown === 'some' ? 'the rows of' : `${rows.shown} of its rows`}:`);
    if (rows.policies.length === 0)
      lines[0] = '  Row access policies show none of its rows: no policy names the principal.';
    for (const { policyId, filter, members } of rows.policies)
      lines.push(`    ${policyId}: ${filter}${members.length === 0 ? '' : ` (to ${members.join(', ')})`}`);
  }
  if (authorized.length > 0) lines.push(`  It is also read through: ${authorized.join('; ')}`);
  return lines;
}
