// Sends one mail over SMTP with nodemailer, and says what a refusal means (RFC 5321).
import type { AuthenticationResult, BatchResult, ConnectionSpec } from '@sluice/destination-kit';
import { withSettingDefaults } from '@sluice/destination-kit';
import nodemailer from 'nodemailer';
import type { Transporter } from 'nodemailer';
import type { Options } from 'nodemailer/lib/smtp-transport/index.js';
import { emailShape } from './shape.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const SOCKET_TIMEOUT_MS = 60_000;

type Failure = Extract<BatchResult, { kind: 'failed' }>;

export type Mail = {
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** Without angle brackets; the same for the same digest. */
  readonly messageId: string;
};

export class Mailer {
  readonly #options: Options;
  readonly #from: string;

  constructor(spec: ConnectionSpec) {
    this.#options = smtpOptions(spec);
    const { from } = spec.settings;
    this.#from = typeof from === 'string' ? from : '';
  }

  /** Undefined when the server has taken it for everybody. */
  async send(mail: Mail, signal: AbortSignal): Promise<Failure | undefined> {
    signal.throwIfAborted();
    const transport = nodemailer.createTransport(this.#options);
    const { promise: cancelled, reject } = Promise.withResolvers<never>();
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    try {
      const sending = transport.sendMail({
        from: this.#from,
        to: [...mail.to],
        subject: mail.subject,
        text: mail.text,
        html: mail.html,
        messageId: `<${mail.messageId}>`,
        headers: { 'Auto-Submitted': 'auto-generated' },
        disableFileAccess: true,
        disableUrlAccess: true,
      });
      sending.catch(() => undefined);
      const answer = await Promise.race([sending, cancelled]);
      const rejected: readonly (string | { readonly address: string })[] = answer.rejected;
      if (rejected.length === 0) return undefined;
      return {
        kind: 'failed',
        cause: 'stop',
        code: 'RECIPIENT_REFUSED',
        message: `the mail server takes no mail for ${rejected.map((each) => (typeof each === 'string' ? each : each.address)).join(', ')}; the others have got it`,
        maybeDelivered: true,
      };
    } catch (thrown) {
      signal.throwIfAborted();
      return failureOf(thrown);
    } finally {
      signal.removeEventListener('abort', abort);
      transport.close();
    }
  }
}

export async function testMailServer(spec: ConnectionSpec): Promise<AuthenticationResult> {
  const transport: Transporter = nodemailer.createTransport(smtpOptions(spec));
  try {
    await transport.verify();
    return { result: 'valid' };
  } catch (thrown) {
    const { cause, code, message } = failureOf(thrown);
    return { result: cause === 'later' ? 'unavailable' : 'invalid', code, message };
  } finally {
    transport.close();
  }
}

function smtpOptions({ settings }: ConnectionSpec): Options {
  const values = withSettingDefaults(emailShape.authentication?.fields, settings);
  const { host, port, security, user, password } = values;
  return {
    host: typeof host === 'string' ? host : '',
    port: Number(port),
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    ...(typeof user === 'string' && user !== ''
      ? { auth: { user, pass: typeof password === 'string' ? password : '' } }
      : {}),
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SOCKET_TIMEOUT_MS,
  };
}

function failureOf(thrown: unknown): Failure {
  const { code, responseCode, message, command } = (thrown ?? {}) as {
    code?: string;
    responseCode?: number;
    message?: string;
    command?: string;
  };
  const failed = (cause: Failure['cause'], name: string): Failure => ({
    kind: 'failed',
    cause,
    code: name,
    message: `the mail server: ${message ?? 'failed without a message'}`,
    // The answer to the mail itself was lost.
    ...(cause === 'later' && responseCode === undefined && command === 'DATA' ? { maybeDelivered: true } : {}),
  });
  if (responseCode !== undefined && responseCode >= 400 && responseCode < 500)
    return failed('later', `SMTP_${responseCode}`);
  if (code === 'EAUTH' || code === 'ENOAUTH') return failed('stop', 'AUTHENTICATION_FAILED');
  if (code === 'ETLS') return failed('stop', 'TLS_NOT_OFFERED');
  if (responseCode !== undefined) return failed('stop', `SMTP_${responseCode}`);
  const certificate = /certificate|self.signed|altnames/i.test(message ?? '');
  return failed(certificate ? 'stop' : 'later', code ?? 'SMTP_ERROR');
}
