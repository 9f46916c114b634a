// IAM members: who a policy's line is about, and which members a principal is.
import type { Principal } from './decision.ts';

/** Google's e-mails of service accounts all end so. */
export function isServiceAccountEmail(email: string): boolean {
  return email.toLowerCase().endsWith('.gserviceaccount.com');
}

export function principalOf(email: string): Principal {
  return { kind: isServiceAccountEmail(email) ? 'serviceAccount' : 'user', email: email.toLowerCase() };
}

/** `user:a@example.com`, `serviceAccount:x@p.iam.gserviceaccount.com`. */
export function memberOf(email: string): string {
  const { kind, email: address } = principalOf(email);
  return `${kind}:${address}`;
}

/** One spelling per member: e-mails and domains compare without case. */
export function normalMember(member: string): string {
  const colon = member.indexOf(':');
  if (colon < 0) return member;
  const kind = member.slice(0, colon);
  const name = member.slice(colon + 1);
  switch (kind) {
    case 'user':
    case 'serviceAccount':
    case 'group':
    case 'domain':
      return `${kind}:${name.toLowerCase()}`;
    default:
      return member;
  }
}

/** The members that a principal is, but for those of a project's basic roles. */
export function membersOf(principal: Principal, groups: readonly string[]): string[] {
  const email = principal.email.toLowerCase();
  const members = [`${principal.kind}:${email}`, 'allAuthenticatedUsers', 'allUsers'];
  if (principal.kind === 'user') members.push(`domain:${email.slice(email.lastIndexOf('@') + 1)}`);
  for (const group of groups) members.push(`group:${group.toLowerCase()}`);
  return members;
}
