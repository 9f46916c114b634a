import { AppError } from '@sluice/core';
import { isEmail } from '../catalog/users.ts';

/** AppError `INVALID_EMAIL` for what is no e-mail address; `where` names the argument. */
export function requireEmail(email: string, where: string): void {
  if (isEmail(email)) return;
  throw new AppError(`${JSON.stringify(email)} is not an e-mail address.`, {
    code: 'INVALID_EMAIL',
    kind: 'invalid',
    where,
    fix: 'Write it in full, for example ana@example.com; service accounts end in .iam.gserviceaccount.com.',
  });
}
