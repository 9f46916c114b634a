/** Where the server writes what an operator should know. A pino logger fits. */
export type ServerLog = {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
};

export const silentLog: ServerLog = { info: () => undefined, error: () => undefined };
