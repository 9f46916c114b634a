import { describe, expect, it } from 'vitest';
import { AnswerCache } from './answer-cache.ts';

describe('a cache of answers', () => {
  it('asks once for each question, and again for one that failed', async () => {
    const cache = new AnswerCache<string>();
    const asked: string[] = [];
    const get = (question: string): Promise<string> =>
      cache.get(
        question,
        () => question,
        async () => {
          asked.push(question);
          if (question === 'bad' && asked.length < 4) throw new Error('no');
          return `${question}!`;
        },
      );
    expect([await get('a'), await get('a'), await get('b')]).toEqual(['a!', 'a!', 'b!']);
    await expect(get('bad')).rejects.toThrow('no');
    expect(await get('bad')).toBe('bad!');
    expect(asked).toEqual(['a', 'b', 'bad', 'bad']);
  });

  it('keeps what is used, and no long texts', async () => {
    const cache = new AnswerCache<number>();
    let asked = 0;
    const get = (question: string): Promise<number> =>
      cache.get(
        question,
        () => question,
        async () => (asked += 1),
      );
    await get('kept');
    for (let i = 0; i < 700; i++) {
      await get(`other ${i}`);
      await get('kept');
    }
    expect(asked).toBe(701);
    await get('x'.repeat(3_000));
    await get('x'.repeat(3_000));
    expect(asked).toBe(703);
  });
});
