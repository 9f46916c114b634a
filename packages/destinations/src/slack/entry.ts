// Slack for the registry.
import type { ConnectionSpec, DestinationSpec, Diagnostic, OpenDestination } from '@sluice/destination-kit';
import { error, openSession, sessionColumns, withLiteralDefaults } from '@sluice/destination-kit';
import { DigestSession } from '../digest/digest-session.ts';
import type { DestinationEntry } from '../entry.ts';
import { MessageSession, digestMessage } from './session.ts';
import { RATE_LIMIT, slackShape } from './shape.ts';
import { Webhook } from './webhook.ts';

export const slackEntry: DestinationEntry = {
  type: slackShape.slug,
  name: slackShape.name,
  origin: 'native',
  shape: () => slackShape,
  checkConnection: urlProblems,
  check: ({ action, fields }) => [
    ...(action === 'digest' ? fixedProblems(fields, ['title', 'max_lines', 'markup']) : []),
  ],
  columns: (spec) => sessionColumns(slackShape, spec),
  open: async (spec) => open(spec),
};

function open(spec: DestinationSpec): OpenDestination {
  const action = slackShape.actions[spec.action];
  const { webhook_url: url } = spec.settings;
  if (action === undefined || typeof url !== 'string') throw new TypeError('the spec is not valid');
  const webhook = new Webhook(url);
  const { title, max_lines: maxLines, markup } = withLiteralDefaults(action, spec.fields);
  const { mappingId, syncId } = spec;
  const words = { title: typeof title === 'string' ? title : '', markup: markup === true, mappingId, syncId };
  const session =
    spec.action === 'digest'
      ? new DigestSession(Number(maxLines), (digest, signal) => webhook.post(digestMessage(digest, words), signal))
      : new MessageSession(webhook);
  const { maxRows, maxBytes } = action.batch ?? { maxRows: 1, maxBytes: 1_000_000 };
  return openSession(slackShape, spec, session, {
    batching: { maxRows, maxBytes, concurrency: 1, rateLimit: RATE_LIMIT },
  });
}

function urlProblems({ settings }: ConnectionSpec): Diagnostic[] {
  const { webhook_url: text } = settings;
  if (typeof text !== 'string' || text === '') return [];
  const url = URL.parse(text);
  const local = url?.protocol === 'http:' && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname);
  return url !== null && (url.protocol === 'https:' || local) && url.pathname.length > 1
    ? []
    : [
        error(
          'settings.webhook_url',
          'the webhook URL is none',
          'https://hooks.slack.com/services/…, from the settings of your Slack app',
        ),
      ];
}

function fixedProblems(fields: DestinationSpec['fields'], names: readonly string[]): Diagnostic[] {
  return names.flatMap((name) =>
    typeof fields[name] === 'object' && fields[name] !== null
      ? [error(`fields.${name}`, `${name} must be a fixed value: a digest has one of it`)]
      : [],
  );
}
