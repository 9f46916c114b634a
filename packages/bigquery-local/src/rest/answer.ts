// How a request is opened and answered, for routes-as-data and for uploads alike.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { JsonText } from './json-text.ts';
import { Answer, type RequestContext, type Route } from './route.ts';

/** What an upload handler needs besides the raw body. */
export type OpenRequest = { readonly context: RequestContext; decided(): boolean };

export type OpenContext = (
  request: FastifyRequest,
  reply: FastifyReply,
  route: Pick<Route, 'operation' | 'public'>,
) => Promise<OpenRequest>;

export function sendAnswer(reply: FastifyReply, request: FastifyRequest, answer: unknown): FastifyReply {
  if (answer === undefined) return reply.code(204).send();
  void reply.type('application/json; charset=UTF-8');
  if (answer instanceof JsonText) return reply.send(answer.text);
  if (answer instanceof Answer)
    return reply.code(answer.status).headers(answer.headers).send(JSON.stringify(answer.body));
  const pretty = (request.query as Record<string, unknown>)['prettyPrint'];
  return reply.send(JSON.stringify(answer, undefined, pretty === 'true' ? 2 : undefined));
}
