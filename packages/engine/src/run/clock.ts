// The real clock.
import { delay } from '../source/bigquery/client.ts';
import type { Clock } from './api.ts';

export const systemClock: Clock = { now: () => Date.now(), sleep: delay };
