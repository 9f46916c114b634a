// The e-mail digest for the registry.
import { hash } from 'node:crypto';
import type { ConnectionSpec, DestinationSpec, Diagnostic, OpenDestination } from '@sluice/destination-kit';
import { error, openSession, sessionColumns, withLiteralDefaults } from '@sluice/destination-kit';
import { DigestSession } from '../digest/digest-session.ts';
import type { DestinationEntry } from '../entry.ts';
import { withRow } from '../with-row.ts';
import { digestMail } from './digest-mail.ts';
import { Mailer, testMailServer } from './mailer.ts';
import { MAX_RECIPIENTS, emailShape } from './shape.ts';

const ADDRESS = /^[^\s<>@",;:\\]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/;

export const emailEntry: DestinationEntry = {
  type: emailShape.slug,
  name: emailShape.name,
  origin: 'native',
  shape: () => emailShape,
  checkConnection: settingProblems,
  check: fieldProblems,
  columns: (spec) => sessionColumns(emailShape, withRow(spec)),
  open: async (spec) => open(spec),
  testAuthentication: (spec) => testMailServer(spec),
};

function open(spec: DestinationSpec): OpenDestination {
  const action = emailShape.actions[spec.action];
  if (action === undefined) throw new TypeError(`there is no action ${spec.action}`);
  const { to, subject, intro, max_rows: maxRows } = withLiteralDefaults(action, spec.fields);
  const { mappingId, syncId } = spec;
  const words = { subject: textOf(subject), intro: textOf(intro), mappingId, syncId };
  const recipients = [to ?? []].flat().map(textOf);
  const mailer = new Mailer(spec);
  const session = new DigestSession(Number(maxRows), (digest, signal, key) => {
    const messageId = `${hash('sha256', JSON.stringify([mappingId, syncId, key, recipients])).slice(0, 32)}@sluice.invalid`;
    return mailer.send({ to: recipients, messageId, ...digestMail(digest, words) }, signal);
  });
  const { maxRows: rows, maxBytes } = action.batch ?? { maxRows: 1000, maxBytes: 4_000_000 };
  return openSession(emailShape, withRow(spec), session, { batching: { maxRows: rows, maxBytes, concurrency: 1 } });
}

function settingProblems({ settings }: ConnectionSpec): Diagnostic[] {
  const problems: Diagnostic[] = [];
  const { host, from, user, password } = settings;
  if (typeof host === 'string' && /[\s/@]/.test(host))
    problems.push(error('settings.host', 'the host must be a name or an address, without a scheme or a path'));
  if (typeof from === 'string' && from !== '') {
    const address = /^[^<>\r\n]*<([^<>]*)>$/.exec(from)?.[1] ?? from;
    if (!ADDRESS.test(address))
      problems.push(error('settings.from', 'the sender is no address', 'for example Sluice <sluice@example.com>'));
  }
  if (!user !== !password)
    problems.push(
      error(user ? 'settings.password' : 'settings.user', 'user and password belong together', 'set both, or neither'),
    );
  return problems;
}

function fieldProblems({ fields }: DestinationSpec): Diagnostic[] {
  const problems: Diagnostic[] = [];
  const { to, subject, intro, max_rows: maxRows } = fields;
  const recipients = [to ?? []].flat();
  for (const each of recipients)
    if (typeof each !== 'string' || !ADDRESS.test(each))
      problems.push(
        error(
          'fields.to',
          `${JSON.stringify(each)} is no fixed address`,
          'a digest goes to the same people whatever the rows say',
        ),
      );
  if (recipients.length > MAX_RECIPIENTS)
    problems.push(
      error(
        'fields.to',
        `there are ${recipients.length} recipients`,
        `at most ${MAX_RECIPIENTS}; use a list's address`,
      ),
    );
  for (const [name, value] of Object.entries({ subject, intro, max_rows: maxRows }))
    if (typeof value === 'object' && value !== null)
      problems.push(error(`fields.${name}`, `${name} must be a fixed value: a digest has one of it`));
  return problems;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
