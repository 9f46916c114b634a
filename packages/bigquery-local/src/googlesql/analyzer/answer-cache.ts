// Answers of the analyser that depend on nothing but the question: kept, because a loop in
// a script asks the same ones again and again. Bounded in number and in length of text.

const MAX_TEXT = 2_000;
const MAX_ANSWERS = 500;

export class AnswerCache<T> {
  /** Insertion order is the order of use. */
  readonly #answers = new Map<string, T>();
  readonly #maxAnswers: number;

  constructor(maxAnswers = MAX_ANSWERS) {
    this.#maxAnswers = maxAnswers;
  }

  /** `text` is what makes the question long. Failures are not kept. */
  async get(text: string, key: () => string, ask: () => Promise<T>): Promise<T> {
    if (text.length > MAX_TEXT) return ask();
    const name = key();
    const known = this.#answers.get(name);
    if (known !== undefined) {
      this.#answers.delete(name);
      this.#answers.set(name, known);
      return known;
    }
    const answer = await ask();
    this.#answers.set(name, answer);
    if (this.#answers.size > this.#maxAnswers) {
      const [oldest] = this.#answers.keys();
      if (oldest !== undefined) this.#answers.delete(oldest);
    }
    return answer;
  }
}
