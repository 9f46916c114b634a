// Which members an IAM policy may name: accounts of this server must exist; people,
// groups and domains may be from anywhere. Texts are IAM's.
import { isServiceAccountEmail } from '../../access/members.ts';
import type { Identity } from '../../auth/identity.ts';
import { BigQueryError } from '../../bigquery-error.ts';

/** Throws 400. `before` are the members of the policy that is replaced: deleted ones may stay. */
export function requireMember(identity: Identity, member: string, before: ReadonlySet<string>): void {
  const colon = member.indexOf(':');
  const kind = member.slice(0, Math.max(colon, 0));
  const name = member.slice(colon + 1);
  switch (kind) {
    case 'user':
      if (isServiceAccountEmail(name)) {
        throw invalid(
          `Principal ${name} is of type "serviceAccount". The principal should appear as "serviceAccount:${name}". See https://cloud.google.com/iam/help/members/types for additional documentation.`,
        );
      }
      requireEmail(name);
      return;
    case 'serviceAccount':
      if (identity.serviceAccounts.find(name)?.email !== name) throw invalid(`Service account ${name} does not exist.`);
      return;
    case 'group':
      requireEmail(name);
      return;
    case 'domain':
      if (!/^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(name)) throw invalid(`Domain ${name} is not valid.`);
      return;
    case 'deleted':
      // Only what the policy already had may stay.
      if (before.has(member)) return;
      break;
    default:
  }
  throw invalid(`The member ${member} is of an unknown type. Please set a valid type prefix for the member.`);
}

function requireEmail(email: string): void {
  if (!/^[^\s@:/]+@[^\s@:/]+$/.test(email)) throw invalid(`Email address ${email} is not valid.`);
}

function invalid(message: string): BigQueryError {
  return new BigQueryError('badRequest', message);
}
