import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Change, JsonObject, Operation } from '@sluice/core';
import type { BatchResult, DestinationSpec, OpenDestination, Prepared } from '@sluice/destination-kit';
import { conformanceProblems } from '@sluice/destination-kit';
import { startSmtpSink } from '@sluice/testkit/servers';
import type { SmtpSink } from '@sluice/testkit/servers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRegistry } from '../registry.ts';

const registry = createRegistry();
let sink: SmtpSink;
beforeAll(async () => {
  sink = await startSmtpSink({ refuse: 'nobody@example.com' });
});
afterAll(async () => sink[Symbol.asyncDispose]());

function spec(fields: JsonObject = {}, settings: JsonObject = {}): DestinationSpec {
  const { host, port, user, password } = sink;
  return {
    type: 'email',
    action: 'digest',
    settings: { host, port, security: 'none', user, password, from: 'Sluice <sluice@example.com>', ...settings },
    fields: { to: ['ada@example.com'], ...fields },
    mappingId: 'people',
    syncId: 's1',
  };
}

function changes(rows: readonly JsonObject[], operation: Operation = 'added'): Change[] {
  return rows.map((columns, ordinal) => ({
    ordinal,
    operation,
    recordId: `r${ordinal}`,
    checksum: `c${ordinal}`,
    columns,
  }));
}

async function send(destination: OpenDestination, list: readonly Change[], signal?: AbortSignal): Promise<BatchResult> {
  const rows = list.map((each) => destination.prepare(each) as Prepared);
  return destination.deliver(rows, { signal: signal ?? new AbortController().signal, idempotencyKey: 'k' });
}

async function deliver(target: DestinationSpec, list: readonly Change[]): Promise<BatchResult> {
  await using destination = await registry.open(target);
  return await send(destination, list);
}

/** Plain text and HTML of the mails since `from`, as a reader shows them. */
function mails(from: number): { text: string; html: string; head: string }[] {
  return sink.mails.slice(from).map(({ text }) => {
    const boundary = /boundary="([^"]+)"/.exec(text)?.[1] ?? '';
    const [head = '', plain = '', html = ''] = text.split(`--${boundary}`);
    return { head, text: bodyOf(plain), html: bodyOf(html) };
  });
}

function bodyOf(part: string): string {
  const [head = '', ...rest] = part.trim().split(/\r?\n\r?\n/);
  const body = rest.join('\n\n');
  if (/base64/i.test(head)) return Buffer.from(body, 'base64').toString('utf8');
  if (!/quoted-printable/i.test(head)) return body;
  const bytes = body
    .replaceAll(/=\r?\n/g, '')
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

const ok = (rows: number): BatchResult => ({
  kind: 'rows',
  outcomes: Array.from({ length: rows }, () => ({ outcome: 'delivered' })),
});

describe('the e-mail digest', () => {
  it('counts the changes and shows the first of them, with nothing of a row as markup', async () => {
    const before = sink.mails.length;
    const rows = [
      { name: 'Zoë <script>"x"</script> & co', tags: ['a', 1] },
      { name: '日本語 🎉\nsecond line', tags: null },
      { name: 'not shown', tags: null },
    ];
    const fields = {
      to: ['ada@example.com', 'bob@example.com'],
      max_rows: 2,
      intro: 'New: {total}',
      subject: 'Ü {added}/{total}',
    };
    expect(await deliver(spec(fields), changes(rows))).toEqual(ok(3));
    expect(sink.mails[before]).toMatchObject({
      from: 'sluice@example.com',
      to: ['ada@example.com', 'bob@example.com'],
    });
    const [mail] = mails(before);
    expect(mail?.head).toMatch(/Subject: =\?UTF-8\?/);
    expect(mail?.head).toMatch(/Message-ID: <[0-9a-f]{32}@sluice\.invalid>/i);
    expect(mail?.html).toContain('Zoë &lt;script&gt;&quot;x&quot;&lt;/script&gt; &amp; co');
    expect(mail?.html).not.toContain('<script>');
    expect(mail?.html).toContain('<td align="left">日本語 🎉 second line</td>');
    expect(mail?.text.replaceAll('\r\n', '\n')).toBe(
      'New: 3\n\n3 added, 0 updated, 0 deleted\n\nchange | record | name | tags\n' +
        'added | r0 | Zoë <script>"x"</script> & co | ["a",1]\nadded | r1 | 日本語 🎉 second line | \n\n' +
        '1 more changes are not shown.\nSync s1 of people.',
    );
  });

  it('is one per sync where the sync has a beginning and an end, and none when nothing came', async () => {
    const before = sink.mails.length;
    await using destination = await registry.open(spec());
    const { signal } = new AbortController();
    await destination.transaction?.begin(signal);
    expect(await send(destination, changes([{ name: 'a' }, { name: 'b' }]))).toEqual(ok(2));
    expect(await send(destination, changes([{ name: null }], 'deleted'))).toEqual(ok(1));
    expect(sink.mails.length).toBe(before);
    await destination.transaction?.commit(signal);
    await destination.transaction?.begin(signal);
    await destination.transaction?.commit(signal);
    await destination.transaction?.begin(signal);
    await send(destination, changes([{ name: 'a' }]));
    await destination.transaction?.abort();
    expect(mails(before).map(({ head }) => /Subject: (.*)/.exec(head)?.[1]?.trim())).toEqual([
      'people: 2 added, 0 updated, 1 deleted',
    ]);
  });

  it('stays small whatever the rows are', async () => {
    const before = sink.mails.length;
    const wide = Object.fromEntries(Array.from({ length: 80 }, (_, index) => [`c${index}`, 'é🎉'.repeat(1000)]));
    expect(await deliver(spec(), changes([{ name: 'x'.repeat(5 * 1024 * 1024) }, wide]))).toEqual(ok(2));
    const [mail] = mails(before);
    expect(mail?.text.length).toBeLessThan(100_000);
    expect(mail?.text).toContain('31 more columns are not shown.');
    expect(mail?.text).not.toContain('\ufffd');
  });

  it('stops when it is not let in or a recipient is refused, and shows no password', async () => {
    const wrong = spec({}, { password: 'wrong-and-secret' });
    const result = await deliver(wrong, changes([{ name: 'a' }]));
    expect(result).toMatchObject({ kind: 'failed', cause: 'stop', code: 'AUTHENTICATION_FAILED' });
    const tested = await registry.testAuthentication(wrong);
    expect(tested).toMatchObject({ result: 'invalid', code: 'AUTHENTICATION_FAILED' });
    expect(JSON.stringify([result, tested])).not.toContain('wrong-and-secret');
    expect(await registry.testAuthentication(spec())).toEqual({ result: 'valid' });
    expect(await deliver(spec({ to: ['nobody@example.com'] }), changes([{ name: 'a' }]))).toMatchObject({
      cause: 'stop',
      code: 'SMTP_550',
    });
    expect(
      await deliver(spec({ to: ['ada@example.com', 'nobody@example.com'] }), changes([{ name: 'a' }])),
    ).toMatchObject({
      cause: 'stop',
      code: 'RECIPIENT_REFUSED',
      message: expect.stringContaining('nobody@example.com') as string,
    });
  });

  it('sends nothing without the encryption that the settings ask for', async () => {
    const before = sink.mails.length;
    expect(await deliver(spec({}, { security: 'starttls' }), changes([{ name: 'a' }]))).toMatchObject({
      cause: 'stop',
    });
    expect(await deliver(spec({}, { security: 'tls' }), changes([{ name: 'a' }]))).toMatchObject({ kind: 'failed' });
    expect(sink.mails.length).toBe(before);
  });

  it('asks to try later when the server goes away or nobody answers', async () => {
    const lost = createServer((socket) => {
      socket.write('220 here\r\n');
      socket.once('data', () => socket.destroy());
    });
    await new Promise<void>((resolve) => lost.listen(0, '127.0.0.1', resolve));
    const { port } = lost.address() as AddressInfo;
    expect(await deliver(spec({}, { port }), changes([{ name: 'a' }]))).toMatchObject({ cause: 'later' });
    await new Promise((resolve) => lost.close(resolve));
    expect(await deliver(spec({}, { port }), changes([{ name: 'a' }]))).toMatchObject({ cause: 'later' });
    expect(await registry.testAuthentication(spec({}, { port }))).toMatchObject({ result: 'unavailable' });
  });

  it('ends when it is cancelled', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    await using destination = await registry.open(spec({}, { port }));
    const cancel = new AbortController();
    setTimeout(() => cancel.abort(), 20);
    expect(await send(destination, changes([{ name: 'a' }]), cancel.signal)).toMatchObject({ cause: 'later' });
    await new Promise((resolve) => silent.close(resolve));
  });

  it('keeps the promises of every destination', async () => {
    const target = spec({ row: { name: { '@path': '$.properties.name' } } });
    const subject = {
      open: () => registry.open(target),
      reads: registry.columns(target),
      columns: { name: 'a', other: 2 },
    };
    expect(await conformanceProblems(subject)).toEqual([]);
  });

  it.each<[JsonObject, JsonObject, string]>([
    [{ to: ['ada'] }, {}, 'fields.to'],
    [{ to: ['a@b.example\nBcc: c@d.example'] }, {}, 'fields.to'],
    [{ to: Array.from({ length: 51 }, (_, index) => `a${index}@example.com`) }, {}, 'fields.to'],
    [{ to: [{ '@path': '$.properties.name' }] }, {}, 'fields.to'],
    [{ subject: { '@path': '$.properties.name' } }, {}, 'fields.subject'],
    [{ max_rows: 501 }, {}, 'fields.max_rows'],
    [{}, { port: 70_000 }, 'settings.port'],
    [{}, { from: 'Sluice' }, 'settings.from'],
    [{}, { host: 'smtp://x' }, 'settings.host'],
    [{}, { password: '' }, 'settings.password'],
    [{}, { security: 'ssl' }, 'settings.security'],
  ])('names what is wrong with %j %j', (fields, settings, path) => {
    expect(registry.validate(spec(fields, settings), ['name']).map((each) => each.path)).toEqual([path]);
  });
});
