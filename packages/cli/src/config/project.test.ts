import { AppError } from '@sluice/core';
import { describe, expect, it } from 'vitest';
import { problemsOf } from './problem.ts';
import type { Problem } from './problem.ts';
import { Project, stateId } from './project.ts';

const valid = `source:
  type: bigquery
  project: travel
  location: US
  credentials: \${KEY}
models:
  airports:
    key: iata
destinations:
  receiver:
    type: actions-webhook
    settings:
      sharedSecret: \${SECRET}
mappings:
  airports-to-receiver:
    model: airports
    destination: receiver
    action: send
    fields:
      url: https://example.com/\${PATH_PART}
      data:
        id: { '@path': $.__segment_id }
`;

function parse(text: string, environment: Record<string, string> = {}): Project {
  return Project.parse({ directory: '/project', cwd: '/project', environment }, 'sluice.yaml', text);
}

/** The problems that loading the text reports. */
function problems(text: string): readonly Problem[] {
  try {
    parse(text);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const several = problemsOf(error);
    return several.length > 0
      ? several
      : [{ code: error.code, message: error.message, where: error.where ?? '', fix: error.fix ?? '' }];
  }
  return [];
}

async function failure(promise: Promise<unknown>): Promise<AppError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('how plans are read', () => {
  const key = JSON.stringify({ type: 'service_account', project_id: 'travel' });
  const source = (lines: string) =>
    parse(valid.replace('  credentials:', `${lines}  credentials:`), { KEY: key }).source();

  it('is refused for another way, for an address that is no URL, and where it is not clear which service is meant', async () => {
    expect(problems(valid.replace('  credentials:', '  read: fast\n  credentials:'))).toMatchObject([
      { where: expect.stringContaining('sluice.yaml:5') },
    ]);
    expect(await failure(source('  read: storage\n  storage_endpoint: 127.0.0.1:9060\n'))).toMatchObject({
      code: 'INVALID_ENDPOINT',
      where: expect.stringContaining('sluice.yaml:6'),
    });
    expect(await failure(source('  read: storage\n  endpoint: http://127.0.0.1:9050\n'))).toMatchObject({
      code: 'STORAGE_ENDPOINT_MISSING',
      where: expect.stringContaining('sluice.yaml:5'),
      fix: expect.stringContaining('storage_endpoint'),
    });
  });
});

describe('sluice.yaml', () => {
  it('is accepted without any environment variable as long as nothing that needs one is used', () => {
    expect(problems(valid)).toEqual([]);
    expect(parse(valid).mappingNames).toEqual(['airports-to-receiver']);
  });

  it('names an unknown key with its place and the key that was probably meant', () => {
    expect(problems(valid.replace('  location: US', '  locatoin: US'))).toEqual([
      expect.objectContaining({ code: 'MISSING_KEY', message: 'source.location is missing', where: 'sluice.yaml:1:1' }),
      {
        code: 'UNKNOWN_KEY',
        message: 'unknown key "locatoin" in source',
        where: 'sluice.yaml:4:3',
        fix: 'Did you mean "location"?',
      },
    ]);
    expect(
      problems(valid.replace('    action: send\n', '    action: send\n    guards: { max_delete_share: 0.1 }\n')),
    ).toEqual([
      expect.objectContaining({
        message: 'unknown key "max_delete_share" in mappings.airports-to-receiver.guards',
        where: 'sluice.yaml:19:15',
        fix: 'Did you mean "max_deleted_share"?',
      }),
    ]);
  });

  it('names a value of the wrong type with its place and the type that is wanted', () => {
    expect(problems(valid.replace('project: travel', 'project: 42'))).toEqual([
      {
        code: 'INVALID_TYPE',
        message: 'source.project must be a text',
        where: 'sluice.yaml:3:12',
        fix: 'Write a text.',
      },
    ]);
    expect(problems(valid.replace('    fields:', '    send: added\n    fields:'))).toEqual([
      expect.objectContaining({
        message: 'mappings.airports-to-receiver.send must be a list',
        where: 'sluice.yaml:19:11',
      }),
    ]);
    expect(problems(valid.replace('type: bigquery', 'type: snowflake'))).toEqual([
      expect.objectContaining({ message: 'source.type must be "bigquery"', where: 'sluice.yaml:2:9' }),
    ]);
    expect(problems(valid.replace('credentials: ${KEY}', 'credentials: 1'))).toEqual([
      expect.objectContaining({ where: 'sluice.yaml:5:16', code: 'INVALID_VALUE' }),
    ]);
  });

  it('names a reference to a model or destination that does not exist', () => {
    expect(problems(valid.replace('    model: airports', '    model: airport'))).toEqual([
      {
        code: 'UNKNOWN_MODEL',
        message: 'mapping "airports-to-receiver" names model "airport", which does not exist',
        where: 'sluice.yaml:16:12',
        fix: 'Did you mean "airports"?',
      },
    ]);
    expect(problems(valid.replace('    destination: receiver', '    destination: crm'))).toEqual([
      expect.objectContaining({ code: 'UNKNOWN_DESTINATION', where: 'sluice.yaml:17:18', fix: 'Known: receiver.' }),
    ]);
  });

  it('refuses names that cannot become table names, and two mappings that would share one', () => {
    expect(problems(valid.replace('  airports-to-receiver:', '  "airports to receiver":'))).toEqual([
      expect.objectContaining({ code: 'INVALID_NAME', where: 'sluice.yaml:15:3' }),
    ]);
    const twice = `${valid}  Airports_to-receiver: { model: airports, destination: receiver, action: send }\n`;
    expect(problems(twice)).toEqual([
      expect.objectContaining({ code: 'MAPPING_NAMES_CLASH', where: 'sluice.yaml:23:3' }),
    ]);
    expect(stateId('airports-to-receiver')).toBe('airports_to_receiver');
  });

  it('reports broken YAML with line and column', () => {
    expect(problems('source:\n  type: bigquery\n\tproject: x\n')).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ code: 'INVALID_YAML', where: expect.stringMatching(/^sluice\.yaml:3:/) }),
      ]),
    );
    expect(problems(valid.replace('  project: travel', '  project: travel\n  project: other'))).toEqual([
      expect.objectContaining({ code: 'INVALID_YAML', where: 'sluice.yaml:4:3', fix: 'Keep one of the two entries.' }),
    ]);
  });

  it('reports one mistake once, not all that follows from it', () => {
    expect(problems(valid.replace('  project: travel', '  project: { a: x, b: ${NAME}, c: y }'))).toEqual([
      expect.objectContaining({
        code: 'INVALID_YAML',
        where: 'sluice.yaml:3:24',
        fix: 'Write "${NAME}" in quotes: inside { } YAML takes the braces for its own.',
      }),
    ]);
  });

  it('says what is missing in an empty file', () => {
    expect(problems('')).toEqual([
      expect.objectContaining({ code: 'MISSING_KEY', message: 'source is missing', where: 'sluice.yaml:1:1' }),
    ]);
    expect(problems('- a\n')).toEqual([expect.objectContaining({ code: 'INVALID_TYPE' })]);
  });
});

describe('environment variables', () => {
  it('are asked for only by the thing that uses them, all at once and with their places', async () => {
    const error = await failure(parse(valid).mapping('airports-to-receiver'));
    expect(problemsOf(error)).toEqual([
      {
        code: 'MISSING_ENV',
        message: 'environment variable SECRET is not set',
        where: 'sluice.yaml:13:21',
        fix: 'Set it before running the command: export SECRET=…',
      },
      expect.objectContaining({ message: 'environment variable PATH_PART is not set', where: 'sluice.yaml:20:12' }),
    ]);
    expect(await failure(parse(valid, { KYE: 'x' }).source())).toMatchObject({
      code: 'MISSING_ENV',
      message: 'environment variable KEY is not set',
      where: 'sluice.yaml:5:16',
      fix: 'Set it before running the command: export KEY=… Did you mean "KYE"?',
    });
  });

  it('never appear in the message about a key that cannot be read', async () => {
    const cases = [
      '{"private_key": "hush-hush"',
      'hush-hush',
      '{"type":"service_account","private_key":"hush-hush"}',
      '{"type":"authorized_user","refresh_token":"hush-hush"}',
      '["hush-hush"]',
    ];
    for (const text of cases) {
      const error = await failure(parse(valid, { KEY: text }).source());
      expect(error).toMatchObject({ code: 'INVALID_KEY', kind: 'invalid', where: 'sluice.yaml:5:16' });
      expect(error.message).toContain('KEY');
      expect(JSON.stringify([error.message, error.fix, error.details])).not.toContain('hush');
    }
  });

  it('tell a key with broken line breaks from other faults', async () => {
    const key = {
      type: 'service_account',
      project_id: 'p',
      private_key_id: '1',
      private_key: '-----BEGIN PRIVATE KEY-----nonsense',
      client_email: 'a@b',
    };
    const error = await failure(parse(valid, { KEY: JSON.stringify(key) }).source());
    expect(error.message).toBe('the service-account key in KEY holds a private_key that cannot be read as PEM');
  });
});

it('places a problem of a mapping at its line, or at the nearest line around it', () => {
  const project = parse(valid);
  expect(project.placeInMapping('airports-to-receiver', 'fields.data.id')).toBe('sluice.yaml:22:13');
  expect(project.placeInMapping('airports-to-receiver', 'fields.method')).toBe('sluice.yaml:20:7');
  expect(project.placeInMapping('airports-to-receiver', 'settings.sharedSecret')).toBe('sluice.yaml:13:21');
  expect(project.placeInMapping('airports-to-receiver', 'action')).toBe('sluice.yaml:18:13');
});

describe('a project of which a command uses only a part', () => {
  const options = { directory: '/project', cwd: '/project', environment: {} };
  const second = `  orders:
    model: missing
    destination: receiver
    action: send
  "bad name": { model: airports }
`;

  it('is read for the state of its mappings although other entries are wrong', () => {
    const project = Project.parse(options, 'sluice.yaml', valid.replace(/key: iata/, 'kye: iata') + second, 'entries');
    expect(project.mappingNames).toEqual(['airports-to-receiver', 'orders', 'bad name']);
    const messages = project.mappingNames.map((name) =>
      project.mappingEntry(name).problems.map(({ message }) => message),
    );
    expect(messages[0]).toContain('unknown key "kye" in models.airports');
    expect(messages[1]).toEqual(['mapping "orders" names model "missing", which does not exist']);
    expect(messages[2]?.[0]).toContain('bad name');
    expect(() => project.mappingEntry('nothing')).toThrow('there is no mapping "nothing"');
  });

  it('still needs a source in order', () => {
    for (const scope of ['entries', 'source'] as const)
      expect(() => Project.parse(options, 'sluice.yaml', valid.replace('project: travel', ''), scope)).toThrow(
        'source.project is missing',
      );
  });

  it('is read for its source whatever else is wrong', () => {
    const text = `${valid}${second}extra: 1\n`;
    expect(() => Project.parse(options, 'sluice.yaml', text)).toThrow('problems');
    expect(Project.parse(options, 'sluice.yaml', text, 'source').mappingNames).toEqual([]);
  });
});

describe('what a mapping sends', () => {
  const withEntry = (lines: string): string => valid.replace('    action: send\n', `    action: send\n${lines}`);

  it('a sync mode says which changes are sent, and reaches the destination', () => {
    expect(problems(withEntry('    sync_mode: upsert\n'))).toEqual([]);
    expect(problems(withEntry('    sync_mode: merge\n'))).toMatchObject([
      { code: 'INVALID_VALUE', message: expect.stringContaining('"mirror"') as string },
    ]);
  });

  it('send and sync_mode exclude each other', () => {
    expect(problems(withEntry('    sync_mode: upsert\n    send: [added]\n'))).toMatchObject([
      { code: 'SEND_AND_SYNC_MODE', where: expect.stringMatching(/^sluice\.yaml:\d+:\d+$/) as string },
    ]);
  });

  it('limits and the state that is kept are checked', () => {
    expect(problems(`${valid}limits: { columns: 10 }\n`)).toEqual([]);
    expect(problems(`${valid}limits: { colums: 10 }\n`)).toMatchObject([{ code: 'UNKNOWN_KEY' }]);
    expect(problems(`${valid}limits: { columns: 0 }\n`)).toMatchObject([{ code: 'INVALID_VALUE' }]);
    expect(problems(withEntry('    state: everything\n'))).toMatchObject([{ code: 'INVALID_VALUE' }]);
  });
});

describe('OAuth and audiences', () => {
  const withOAuth = (lines: string): string =>
    valid.replace('    settings:\n      sharedSecret', `    oauth: { ${lines} }\n    settings:\n      sharedSecret`);

  it('takes the OAuth client, with its secret from the environment alone', () => {
    const project = parse(withOAuth("client_id: my-id, client_secret: '${ID_SECRET}', redirect_port: 4000"), {
      SECRET: 's',
      ID_SECRET: 'from-environment',
    });
    expect(project.destination('receiver')).toEqual({
      name: 'receiver',
      type: 'actions-webhook',
      settings: { sharedSecret: 's' },
      oauth: { clientId: 'my-id', clientSecret: 'from-environment', redirectPort: 4000 },
    });
    const literal = problems(withOAuth('client_id: my-id, client_secret: a-literal-secret'));
    expect(literal).toMatchObject([{ code: 'INVALID_VALUE', message: expect.stringContaining('${NAME}') as string }]);
    expect(JSON.stringify(literal)).not.toContain('a-literal-secret');
    expect(problems(withOAuth('client_secret: "${A}"'))).toMatchObject([{ code: 'MISSING_KEY' }]);
  });

  it('names a destination that is not there, and a variable that is not set', () => {
    expect(() => parse(valid).destination('reciever')).toThrow(
      expect.objectContaining({ code: 'UNKNOWN_DESTINATION' }),
    );
    expect(() =>
      parse(withOAuth("client_id: my-id, client_secret: '${ID_SECRET}'"), { SECRET: 's' }).destination('receiver'),
    ).toThrow('ID_SECRET');
  });

  it('takes the audience of a mapping', () => {
    const text = valid.replace(
      '    fields:\n',
      '    audience: { key: vip, external_id: "17", settings: { name: "${NAME}" } }\n    fields:\n',
    );
    expect(problems(text)).toEqual([]);
    expect(problems(text.replace('key: vip, ', ''))).toMatchObject([{ code: 'MISSING_KEY' }]);
  });
});
